import type { Client } from "./database.ts";
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
  /** How long the oldest of the attempts that are under way has been so; null when there is none. */
  readonly underWay_ms: number | null;
}

interface Result {
  readonly archives: readonly string[];
  readonly inputs: readonly string[];
  readonly jobs: readonly string[];
  readonly under_way_ms: number | null;
}

/**
 * Which objects are needed, of those that garbage collection has found: archives that were not deleted, texts of jobs
 * that are not completed, chunks of such jobs, unless they are over for good.
 *
 * To be asked after the buckets were listed, in a statement of its own. An archive that was uploaded and has no row yet
 * is not in the answer. If its attempt is under way, it is younger than that; if not, the attempt can never complete.
 */
export async function liveKeys(sql: Client, candidates: Candidates): Promise<LiveKeys> {
  const { archiveKeys, inputKeys } = candidates;
  const jobIds = candidates.jobIds.filter(isId);
  const [result] = await sql<Result[]>`
    select
      (select coalesce(json_agg(s3_key), '[]') from archives where not is_deleted
        and s3_key in (select jsonb_array_elements_text(${sql.json(archiveKeys)}))) as archives,
      (select coalesce(json_agg(distinct input_path), '[]') from jobs
        where status <> 'completed' and job_type <> 'archive_merge'
        and input_path in (select jsonb_array_elements_text(${sql.json(inputKeys)}))) as inputs,
      (select coalesce(json_agg(id), '[]') from jobs
        where status <> 'completed' and error_code is distinct from ${OBSOLETE}
        and id in (select jsonb_array_elements_text(${sql.json(jobIds)})::uuid)) as jobs,
      (select floor(extract(epoch from now() - min(locked_at)) * 1000)::bigint from job_locks) as under_way_ms`;
  return {
    archiveKeys: new Set(result.archives),
    inputKeys: new Set(result.inputs),
    jobIds: new Set(result.jobs),
    underWay_ms: result.under_way_ms,
  };
}
