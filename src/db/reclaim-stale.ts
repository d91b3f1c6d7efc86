import type { Database } from "./database.ts";

/**
 * Free the jobs whose attempts were not heard of for the grace period; one that was lost too often is put aside.
 *
 * The job's row is locked first, as everybody does who ends an attempt, so that nobody waits for each other in a
 * circle; one that is being completed at this moment is left out. Then its lease is looked at once more while it is
 * deleted: a heartbeat that came in between saves it.
 *
 * It is not tried again when there is no connection: the first statement to come through after an outage would free the
 * jobs of all who could not say that they are alive.
 *
 * @param grace_ms by the database's clock
 * @param maxAttempts so many failures and losses put a job aside
 * @returns how many jobs were freed or put aside
 * @throws FoldError `unreachable`, at once
 */
export async function reclaimStale(database: Database, grace_ms: number, maxAttempts: number): Promise<number> {
  const hint = "see whether it ran out of memory; `fold retry` lets it try again";
  const grace = `${Math.round(grace_ms)} milliseconds`;
  const freed = await database.do({
    patience_ms: 0,
    run: (sql) => sql`
      with silent as (
        select j.id from jobs j join job_locks l on l.job_id = j.id
        where j.status = 'processing' and l.heartbeat_at < now() - ${grace}::interval
        order by j.id
        for update of j skip locked
      ), unlocked as (
        delete from job_locks l using silent
        where l.job_id = silent.id and l.heartbeat_at < now() - ${grace}::interval
        returning l.job_id, l.worker_id, l.attempt, l.heartbeat_at, l.progress_orthos
      ), freed as (
        update jobs j set
          status = case when retry_count + 1 >= ${maxAttempts} then 'failed' else 'pending' end,
          worker_id = null, retry_count = retry_count + 1, heartbeat_at = u.heartbeat_at, error_code = 'lost',
          error_message = 'its worker was lost: failure ' || (retry_count + 1) || ' of ' || ${maxAttempts}::int,
          error_hint = ${hint}
        from unlocked u where j.id = u.job_id
        returning j.id, j.status = 'failed' as is_aside
      ), runs as (
        update processing_runs r set completed_at = now(), outcome = 'lost', orthos_processed = u.progress_orthos,
          error = 'not heard of since ' || u.heartbeat_at
        from unlocked u where r.job_id = u.job_id and r.attempt = u.attempt and r.worker_id = u.worker_id
      ), released as (
        update archives a set reserved_by = null from freed f where a.reserved_by = f.id and f.is_aside
      )
      select id from freed`,
  });
  return freed.length;
}
