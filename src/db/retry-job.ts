import { FoldError } from "../errors.ts";
import type { Client, Database } from "./database.ts";
import { isId, OBSOLETE, unknownJob } from "./leases.ts";

interface Retried {
  readonly is_whole: boolean;
  readonly is_busy: boolean;
}

/** Why a merge is over; what its attempts failed with stands in their runs. */
export const GONE = "an archive of it went into another merge, or was removed";
const gone = `cancelled: ${GONE}`;
const hint = "nothing of it is left to be done; its other archives are free for other merges";

/**
 * Let a job that was put aside wait again, as if it had never failed.
 *
 * A merge takes its archives back, when both are free. When one of them went into another merge or was removed, there
 * is nothing to be tried again, now or ever: the job is cancelled for good, and told with those that are completed. That
 * its archives were to stay apart means nothing any more, since no other merge is of just these.
 *
 * @returns whether it waits; else it is over
 * @throws FoldError `not_found` when it was not put aside, `failed` while another merge has one of its archives
 */
export async function retryJob(database: Database, id: string): Promise<boolean> {
  if (!isId(id)) throw unknownJob(id, "failed");
  const before = await database.ask((sql) => lastRun(sql, id));
  return await database.do({
    run: async (sql) => {
      const [job] = await retry(sql, id);
      if (job === undefined) {
        if (await isOver(sql, id)) return false;
        throw unknownJob(id, "failed");
      }
      if (job.is_whole || !job.is_busy) return job.is_whole;
      const later = "try again when that merge has ended";
      throw new FoldError("failed", `job ${id} cannot be tried again: an archive of it is being merged`, later);
    },
    find: (sql) => decided(sql, id, before),
  });
}

/** The number of the last run of a job; 0 when there is none. */
async function lastRun(sql: Client, id: string): Promise<number> {
  const [{ last }] = await sql<{ last: number }[]>`
    select coalesce(max(id), 0) as last from processing_runs where job_id = ${id}`;
  return last;
}

/** Whether a job was let to wait again, or is over, by a decision after a run; null when there was none. */
async function decided(sql: Client, id: string, after: number): Promise<boolean | null> {
  const [run] = await sql<{ is_retried: boolean }[]>`
    select outcome = 'retried' as is_retried from processing_runs
    where job_id = ${id} and id > ${after} and (outcome = 'retried' or error = ${gone}) order by id limit 1`;
  return run?.is_retried ?? null;
}

async function isOver(sql: Client, id: string): Promise<boolean> {
  return (await sql`select from jobs where id = ${id} and error_code = ${OBSOLETE}`).length > 0;
}

function retry(sql: Client, id: string) {
  return sql<Retried[]>`
    with found as (
      select id, attempt, coalesce(inputs, '{}') as inputs from jobs
      where id = ${id} and status = 'failed' and error_code <> ${OBSOLETE} for update
    ), free as (
      select a.id from archives a join found on a.id = any (found.inputs)
      where not a.is_deleted and a.reserved_by is null
      order by a.id for update of a skip locked
    ), state as materialized (
      select found.*, cardinality(inputs) = (select count(*) from free) as is_whole,
        not exists (select from archives a where a.id = any (found.inputs) and a.is_deleted) as is_busy
      from found
    ), waiting as (
      update jobs j set status = 'pending', retry_count = 0, error_code = null, error_message = null, error_hint = null
      from state where j.id = state.id and is_whole
    ), reserved as (
      update archives a set reserved_by = state.id from state where a.id = any (state.inputs) and is_whole
    ), ended as (
      update jobs j set error_code = ${OBSOLETE}, error_message = ${gone}, error_hint = ${hint}
      from state where j.id = state.id and not is_whole and not is_busy
    ), decision as (
      insert into processing_runs (job_id, attempt, completed_at, outcome, error)
      select id, attempt, now(), case when is_whole then 'retried' else 'cancelled' end,
        case when not is_whole then ${gone} end
      from state where is_whole or not is_busy
    )
    select is_whole, is_busy from state`;
}
