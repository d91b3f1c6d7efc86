import type { Database } from "./database.ts";
import { isId, type Outcome } from "./leases.ts";

/** What became of an attempt, or a decision about a job that nobody was working on. */
export interface RunRow {
  /** null where nobody was working. */
  readonly workerId: string | null;
  readonly attempt: number;
  readonly started_ms: number;
  readonly completed_ms: number | null;
  /** null while it is under way. */
  readonly outcome: Outcome | null;
  readonly orthosProcessed: number | null;
  readonly resultArchiveId: string | null;
  readonly error: string | null;
}

/** Most runs of one job that are told: the last ones. */
const MOST_RUNS = 1_000;

/** All that has happened to a job, the newest first. */
export async function listRuns(database: Database, jobId: string): Promise<RunRow[]> {
  if (!isId(jobId)) return [];
  const rows = await database.ask(
    (sql) => sql<RunRow[]>`
      select worker_id as "workerId", attempt, floor(extract(epoch from started_at) * 1000)::bigint as started_ms,
        floor(extract(epoch from completed_at) * 1000)::bigint as completed_ms, outcome,
        orthos_processed as "orthosProcessed", result_archive_id as "resultArchiveId", error
      from processing_runs where job_id = ${jobId} order by id desc limit ${MOST_RUNS}`,
  );
  return [...rows];
}
