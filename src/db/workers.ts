import type { Database } from "./database.ts";
import type { JobStatus } from "./rows.ts";

/** A worker that is working. */
export interface WorkerRow {
  readonly workerId: string;
  /** Jobs it has at the moment. */
  readonly jobs: number;
  /** Since it was last heard of. */
  readonly heartbeat_age_ms: number;
  /** Since it has claimed the oldest of its jobs. */
  readonly busy_ms: number;
}

/** All workers that have a job, by name. */
export async function listWorkers(database: Database): Promise<WorkerRow[]> {
  const rows = await database.ask(
    (sql) => sql<WorkerRow[]>`
      select worker_id as "workerId", count(*)::int as jobs,
        floor(extract(epoch from now() - max(heartbeat_at)) * 1000)::bigint as heartbeat_age_ms,
        floor(extract(epoch from now() - min(locked_at)) * 1000)::bigint as busy_ms
      from job_locks group by worker_id order by worker_id collate "C"`,
  );
  return [...rows];
}

/** How many jobs there are of each status. */
export async function countJobs(database: Database): Promise<Record<JobStatus, number>> {
  const rows = await database.ask(
    (sql) => sql<{ status: JobStatus; count: number }[]>`
      select status, count(*)::bigint as count from jobs group by status`,
  );
  const counts = Object.fromEntries(rows.map(({ status, count }) => [status, count]));
  return { pending: 0, processing: 0, completed: 0, failed: 0, ...counts };
}
