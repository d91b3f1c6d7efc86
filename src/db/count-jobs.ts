import type { Database } from "./database.ts";
import type { JobStatus } from "./rows.ts";

/** How many jobs there are of each status. */
export async function countJobs(database: Database): Promise<Record<JobStatus, number>> {
  const rows = await database.ask(
    (sql) => sql<{ status: JobStatus; count: number }[]>`
      select status, count(*)::bigint as count from jobs group by status`,
  );
  const counts = Object.fromEntries(rows.map(({ status, count }) => [status, count]));
  return { pending: 0, processing: 0, completed: 0, failed: 0, ...counts };
}
