import type { Database } from "./database.ts";
import { leaseLost, outcomeOf } from "./leases.ts";
import type { AttemptKey, FailureRow } from "./rows.ts";

/**
 * The attempt has failed. The job waits again, or is put aside: when it has failed often enough, or trying again is of
 * no use. The archives of a merge that is put aside are free again, but not for each other (claimMerge).
 *
 * @param isFinal trying again would end the same way
 * @param maxAttempts so many failures put a job aside
 * @returns whether it was put aside
 * @throws FoldError `lease_lost`
 */
export async function failJob(
  database: Database,
  key: AttemptKey,
  { code, message, hint }: FailureRow,
  isFinal: boolean,
  maxAttempts: number,
): Promise<boolean> {
  const { jobId, workerId, attempt } = key;
  return await database.do({
    run: async (sql) => {
      const [job] = await sql<{ is_aside: boolean }[]>`
        with mine as (
          update jobs set
            status = case when ${isFinal} or retry_count + 1 >= ${maxAttempts} then 'failed' else 'pending' end,
            worker_id = null, heartbeat_at = now(), retry_count = retry_count + 1,
            error_code = ${code}, error_message = ${message}, error_hint = ${hint}
          where id = ${jobId} and status = 'processing' and worker_id = ${workerId} and attempt = ${attempt}
          returning id, status = 'failed' as is_aside
        ), unlocked as (
          delete from job_locks using mine where job_id = mine.id returning progress_orthos
        ), run as (
          update processing_runs r set completed_at = now(), error = ${`${code}: ${message}`},
            outcome = case when is_aside then 'put_aside' else 'failed' end,
            orthos_processed = (select progress_orthos from unlocked)
          from mine where r.job_id = mine.id and r.attempt = ${attempt} and r.worker_id = ${workerId}
        ), freed as (
          update archives set reserved_by = null from mine where reserved_by = mine.id and is_aside
        )
        select is_aside from mine`;
      if (job === undefined) throw leaseLost(key);
      return job.is_aside;
    },
    find: async (sql) => {
      const outcome = await outcomeOf(sql, key);
      return outcome === "failed" || outcome === "put_aside" ? outcome === "put_aside" : null;
    },
  });
}
