import { ARCHIVE_JSON } from "./archive-columns.ts";
import { type ClaimedRecord, toClaimed } from "./claim-job.ts";
import type { Database } from "./database.ts";
import { isId, leaseLost } from "./leases.ts";
import type { AttemptKey, ClaimedJob } from "./rows.ts";

/**
 * What an attempt works on, as long as it is its own.
 *
 * @throws FoldError `lease_lost`
 */
export async function leasedJob(database: Database, key: AttemptKey): Promise<ClaimedJob> {
  const { jobId, workerId, attempt } = key;
  const [job] = await database.ask(
    (sql) => sql<ClaimedRecord[]>`
      select j.id, l.worker_id, l.attempt, j.job_type, j.name, j.options, j.batch, j.size_bytes, j.input_path, (
        select json_agg(${sql.unsafe(ARCHIVE_JSON)} order by a.size_bytes, a.name)
        from archives a where a.reserved_by = j.id
      ) as archives
      from job_locks l join jobs j on j.id = l.job_id
      where l.job_id = ${jobId} and l.worker_id = ${workerId} and l.attempt = ${attempt}`,
  );
  if (job === undefined) throw leaseLost(key);
  return toClaimed(job);
}

/** Of some jobs, the numbers of the attempts that are under way. */
export async function attemptsUnderWay(
  database: Database,
  jobIds: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const ids = jobIds.filter(isId);
  if (ids.length === 0) return new Map();
  const rows = await database.ask(
    (sql) => sql<{ job_id: string; attempt: number }[]>`
      select job_id, attempt from job_locks
      where job_id in (select jsonb_array_elements_text(${sql.json(ids)})::uuid)`,
  );
  return new Map(rows.map(({ job_id, attempt }) => [job_id, attempt]));
}
