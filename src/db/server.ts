import type { Database } from "./database.ts";

/** What is at the other end. */
export interface ServerRow {
  /** For instance "15.18 (Debian 15.18-0+deb12u1)". */
  readonly version: string;
  /** For instance 15. */
  readonly major: number;
  readonly user: string;
  /** Between here and the server, or the pooler's connection to it. */
  readonly is_encrypted: boolean;
  /** false for a standby, and where this role or database is set to read only. */
  readonly takes_changes: boolean;
  /** The database's clock, in ms since 1970. */
  readonly now_ms: number;
}

/** The oldest release that fold is for. */
export const OLDEST_MAJOR = 13;

/** Which server answers, as whom, and what time it is there. */
export async function serverOf(database: Database): Promise<ServerRow> {
  const [row] = await database.ask(
    (sql) => sql<ServerRow[]>`
      select current_setting('server_version') as version,
        current_setting('server_version_num')::int / 10000 as major, current_user as "user",
        coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false) as is_encrypted,
        current_setting('transaction_read_only') = 'off' as takes_changes,
        floor(extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms`,
  );
  return row;
}
