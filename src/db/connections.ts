import type { Database } from "./database.ts";

/** How many connections there may be, and how many are still free. */
export interface Connections {
  /** As many as roles without special rights may have: of the server, or of the database where it has a limit. */
  readonly most: number;
  readonly free: number;
}

/** How many connections the server takes, and has. Behind a pooler these are the pooler's. */
export async function connectionsOf(database: Database): Promise<Connections> {
  const [row] = await database.ask(
    (sql) => sql<Connections[]>`
      with limits as (
        select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as most,
          (select coalesce(sum(numbackends), 0) from pg_stat_database where datid <> 0)::int as used
        union all
        select datconnlimit, numbackends from pg_database join pg_stat_database on datid = oid
        where pg_database.datname = current_database() and datconnlimit >= 0
      )
      select most, greatest(0, most - used) as free from limits order by free limit 1`,
  );
  return row;
}
