import { FoldError } from "../errors.ts";
import type { Database } from "./database.ts";

/** Which fleet a database holds. */
export interface FleetIdentity {
  /** A UUID. A dump that is restored has the same, on whatever server. */
  readonly id: string;
  /** false for a database in which nothing was ever submitted: no job is removed from one. */
  readonly hasJobs: boolean;
}

/**
 * Which fleet this is.
 *
 * @throws FoldError `corrupt` where somebody has removed that row
 */
export async function fleetIdentity(database: Database): Promise<FleetIdentity> {
  const rows = await database.ask(
    (sql) => sql<{ id: string; has_jobs: boolean }[]>`select id, exists (select from jobs) as has_jobs from fleet`,
  );
  if (rows.length === 1) return { id: rows[0].id, hasJobs: rows[0].has_jobs };
  const hint = "restore it from a dump; `insert into fleet default values` makes it another fleet";
  throw new FoldError("corrupt", `the table fleet of database ${database.place} has lost its row`, hint);
}
