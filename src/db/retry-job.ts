import { FoldError } from "../errors.ts";
import type { Client, Database } from "./database.ts";
import { isId, unknownJob } from "./leases.ts";

interface Retried {
  readonly is_whole: boolean;
  readonly is_busy: boolean;
}

/**
 * Let a job that was put aside wait again, as if it had never failed.
 *
 * A merge takes its archives back, when both are free. When one of them went into another merge, there is nothing to
 * be tried again: the job is forgotten, and with it that the archives were to stay apart.
 *
 * @returns whether it waits; else it is forgotten
 * @throws FoldError `not_found` when it was not put aside, `failed` while another merge has one of its archives
 */
export async function retryJob(database: Database, id: string): Promise<boolean> {
  if (!isId(id)) throw unknownJob(id, "failed");
  return await database.do({
    run: async (sql) => {
      const [job] = await retry(sql, id);
      if (job === undefined) throw unknownJob(id, "failed");
      if (job.is_whole || !job.is_busy) return job.is_whole;
      const hint = "try again when that merge has ended";
      throw new FoldError("failed", `job ${id} cannot be tried again: an archive of it is being merged`, hint);
    },
    find: async (sql) => {
      const [job] = await sql<{ status: string }[]>`select status from jobs where id = ${id}`;
      // Forgotten; what was never there was told before an answer could be lost.
      if (job === undefined) return false;
      return job.status === "failed" ? null : true;
    },
  });
}

function retry(sql: Client, id: string) {
  return sql<Retried[]>`
    with found as (
      select id, attempt, coalesce(inputs, '{}') as inputs from jobs
      where id = ${id} and status = 'failed' for update
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
    ), decision as (
      insert into processing_runs (job_id, attempt, completed_at, outcome)
      select id, attempt, now(), 'retried' from state where is_whole
    ), forgotten as (
      delete from jobs j using state where j.id = state.id and not is_whole and not is_busy
    )
    select is_whole, is_busy from state`;
}
