import type { Database } from "./database.ts";
import { isId, OBSOLETE } from "./leases.ts";

/** What was found in the buckets, a page at a time. */
export interface Candidates {
  readonly archiveKeys: readonly string[];
  readonly inputKeys: readonly string[];
  /** Ids of jobs that have left chunks. */
  readonly jobIds: readonly string[];
}

/** What of it is needed. */
export interface LiveKeys {
  readonly archiveKeys: ReadonlySet<string>;
  readonly inputKeys: ReadonlySet<string>;
  /** The chunks of all attempts of these jobs are needed. */
  readonly jobIds: ReadonlySet<string>;
}

interface Result {
  readonly archives: readonly string[];
  readonly inputs: readonly string[];
  readonly jobs: readonly string[];
}

/**
 * Which objects are needed, of those that garbage collection has found: archives that were not deleted, texts of jobs
 * that are not completed, chunks of such jobs, unless they are over for good.
 *
 * To be asked after the buckets were listed. An object that was uploaded and has no row yet is not in the answer: only
 * its age tells it from garbage, so nothing may be deleted that is younger than an attempt can be old.
 */
export async function liveKeys(database: Database, candidates: Candidates): Promise<LiveKeys> {
  const { archiveKeys, inputKeys } = candidates;
  const jobIds = candidates.jobIds.filter(isId);
  const [result] = await database.ask(
    (sql) => sql<Result[]>`
      select
        (select coalesce(json_agg(s3_key), '[]') from archives where not is_deleted
          and s3_key in (select jsonb_array_elements_text(${sql.json(archiveKeys)}))) as archives,
        (select coalesce(json_agg(distinct input_path), '[]') from jobs
          where status <> 'completed' and job_type <> 'archive_merge'
          and input_path in (select jsonb_array_elements_text(${sql.json(inputKeys)}))) as inputs,
        (select coalesce(json_agg(id), '[]') from jobs
          where status <> 'completed' and error_code is distinct from ${OBSOLETE}
          and id in (select jsonb_array_elements_text(${sql.json(jobIds)})::uuid)) as jobs`,
  );
  return {
    archiveKeys: new Set(result.archives),
    inputKeys: new Set(result.inputs),
    jobIds: new Set(result.jobs),
  };
}
