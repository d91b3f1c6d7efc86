import type { Database } from "./database.ts";
import { leaseLost } from "./leases.ts";
import type { AttemptKey, JobProgressRow } from "./rows.ts";

/**
 * Say that an attempt is alive, and how far it is: one small row, in place, by the database's clock.
 *
 * An attempt that was silent for too long and that nobody has freed lives on.
 *
 * @throws FoldError `lease_lost`
 */
export async function heartbeat(database: Database, key: AttemptKey, progress: JobProgressRow | null): Promise<void> {
  const { jobId, workerId, attempt } = key;
  const [share, orthos] = [progress?.share ?? null, progress?.orthos ?? null];
  const touched = await database.ask(
    (sql) => sql`
      update job_locks set heartbeat_at = now(), progress_share = coalesce(${share}::real, progress_share),
        progress_orthos = coalesce(${orthos}::bigint, progress_orthos)
      where job_id = ${jobId} and worker_id = ${workerId} and attempt = ${attempt}`,
  );
  if (touched.count === 0) throw leaseLost(key);
}
