import { FoldError } from "../errors.ts";
import type { Database } from "./database.ts";
import { isId } from "./leases.ts";

/**
 * Mark an archive as deleted; garbage collection removes the object later.
 *
 * The texts that went into it may be submitted again: the jobs that made it, and those that made what was merged into
 * it, give up their keys. (Otherwise the same text would be the same job, which is done.)
 *
 * @returns the key of its object
 * @throws FoldError `not_found`; `failed` while a merge is using it up
 */
export async function deleteArchive(database: Database, id: string): Promise<string> {
  if (!isId(id)) throw unknown(id);
  return await database.do({
    run: async (sql) => {
      const [deleted] = await sql<{ s3_key: string }[]>`
        with recursive gone as (
          update archives set is_deleted = true, deleted_at = now()
          where id = ${id} and not is_deleted and reserved_by is null
          returning id, s3_key
        ), makers as (
          select j.id, j.inputs from processing_runs r join jobs j on j.id = r.job_id
          where r.result_archive_id = ${id}::uuid
          union
          select j.id, j.inputs from makers m join processing_runs r on r.result_archive_id = any (m.inputs)
            join jobs j on j.id = r.job_id
        ), submittable as (
          update jobs set dedupe_key = null
          where exists (select from gone) and dedupe_key is not null and id in (select id from makers)
        )
        select s3_key from gone`;
      if (deleted !== undefined) return deleted.s3_key;
      const [archive] = await sql`select from archives where id = ${id} and not is_deleted`;
      if (archive === undefined) throw unknown(id);
      throw new FoldError("failed", `archive ${id} is being merged`, "cancel that job, or wait until it has ended");
    },
    find: async (sql) => {
      const [archive] = await sql<{ s3_key: string }[]>`
        select s3_key from archives where id = ${id} and is_deleted`;
      return archive?.s3_key ?? null;
    },
  });
}

function unknown(id: string): FoldError {
  return new FoldError("not_found", `there is no archive ${id}`, "`fold archives` lists them");
}
