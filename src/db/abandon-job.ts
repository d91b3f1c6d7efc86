import type { Database } from "./database.ts";
import { leaseLost, outcomeOf } from "./leases.ts";
import type { AttemptKey } from "./rows.ts";

/**
 * Give a job back unfinished: it waits again, and nothing counts as failed. A merge keeps its archives.
 *
 * @throws FoldError `lease_lost`
 */
export async function abandonJob(database: Database, key: AttemptKey): Promise<void> {
  const { jobId, workerId, attempt } = key;
  await database.do({
    run: async (sql) => {
      const [job] = await sql`
        with mine as (
          update jobs set status = 'pending', worker_id = null, heartbeat_at = now()
          where id = ${jobId} and status = 'processing' and worker_id = ${workerId} and attempt = ${attempt}
          returning id
        ), unlocked as (
          delete from job_locks using mine where job_id = mine.id returning job_id, progress_orthos
        ), run as (
          update processing_runs r set completed_at = now(), outcome = 'abandoned', orthos_processed = u.progress_orthos
          from unlocked u where r.job_id = u.job_id and r.attempt = ${attempt} and r.worker_id = ${workerId}
        )
        select id from mine`;
      if (job === undefined) throw leaseLost(key);
    },
    find: async (sql) => ((await outcomeOf(sql, key)) === "abandoned" ? undefined : null),
  });
}
