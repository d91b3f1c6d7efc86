import { FoldError } from "../errors.ts";
import type { Client, Database } from "./database.ts";
import { isId, unknownJob } from "./leases.ts";

/** Each failed try means that the job was claimed or given back in that moment: more tries than this are a mistake. */
const MOST_TRIES = 1_000;

/**
 * Take a waiting job out, or end a running one: its worker finds its lease lost. It is put aside with the reason
 * `cancelled`; the archives of a merge are free again, but not for each other.
 *
 * A statement sees leases and runs as they were when it began. So it takes only a job that is still as it was then: one
 * that was claimed in between is left, and looked at again.
 *
 * @throws FoldError `not_found` when it is neither waiting nor running
 */
export async function cancelJob(database: Database, id: string): Promise<void> {
  if (!isId(id)) throw unknownJob(id, "waiting or running");
  await database.do({
    run: async (sql) => {
      for (let tries = 0; tries < MOST_TRIES; tries++) {
        const [job] = await cancel(sql, id);
        if (job !== undefined) return;
        const [other] = await sql`select from jobs where id = ${id} and status in ('pending', 'processing')`;
        if (other === undefined) throw unknownJob(id, "waiting or running");
      }
      const hint =
        "`fold jobs` tells its state; where it is processing and nobody has its lease, the row was changed by hand";
      throw new FoldError("failed", `job ${id} is neither waiting nor anybody's`, hint);
    },
    find: async (sql) => {
      const [job] = await sql`select from jobs where id = ${id} and status = 'failed' and error_code = 'cancelled'`;
      return job === undefined ? null : undefined;
    },
  });
}

function cancel(sql: Client, id: string) {
  return sql`
    with found as (
      select j.id, j.worker_id, j.attempt, coalesce(l.heartbeat_at, j.heartbeat_at) as heartbeat_at
      from jobs j left join job_locks l on l.job_id = j.id
      where j.id = ${id} and (j.status = 'pending'
        or (j.status = 'processing' and l.worker_id = j.worker_id and l.attempt = j.attempt))
      for update of j
    ), ended as (
      update jobs j set status = 'failed', worker_id = null, heartbeat_at = found.heartbeat_at, error_code = 'cancelled',
        error_message = 'cancelled', error_hint = ${"`fold retry` lets it wait again"}
      from found where j.id = found.id
    ), unlocked as (
      delete from job_locks using found where job_id = found.id returning progress_orthos
    ), run as (
      update processing_runs r set completed_at = now(), outcome = 'cancelled',
        orthos_processed = (select progress_orthos from unlocked)
      from found where r.job_id = found.id and r.attempt = found.attempt and r.worker_id = found.worker_id
    ), decision as (
      insert into processing_runs (job_id, attempt, completed_at, outcome)
      select id, attempt, now(), 'cancelled' from found where worker_id is null
    ), freed as (
      update archives set reserved_by = null from found where reserved_by = found.id
    )
    select id from found`;
}
