import { ARCHIVE_JSON, type ArchiveResult } from "./archive-columns.ts";
import type { Database } from "./database.ts";
import { isId } from "./leases.ts";
import { PAGE_ROWS } from "./list-jobs.ts";
import type { ArchiveRow } from "./rows.ts";

/** Which archives a list has. */
export interface ArchivesWanted {
  /** Archives behind this name; for the next page, the name of the last one. */
  readonly after?: string;
  readonly limit?: number;
  /** Also those that a merge is using up at the moment. */
  readonly withReserved?: boolean;
}

/** One page of archives, by name: in the order of the bytes, on every server. */
export async function listArchives(database: Database, wanted: ArchivesWanted = {}): Promise<ArchiveRow[]> {
  const { after = "", limit = PAGE_ROWS, withReserved = false } = wanted;
  const rows = await database.ask(
    (sql) => sql<ArchiveResult[]>`
      select ${sql.unsafe(ARCHIVE_JSON)} as archive from archives a
      where not is_deleted and not is_damaged and name > ${after} and (${withReserved} or reserved_by is null)
      order by name limit ${limit}`,
  );
  return rows.map(({ archive }) => archive);
}

/** The names of archives that were found to be damaged: the first of them, should they be too many to look at. */
export async function listDamaged(database: Database): Promise<string[]> {
  const rows = await database.ask(
    (sql) => sql<{ name: string }[]>`
      select name from archives where is_damaged and not is_deleted order by name limit ${PAGE_ROWS}`,
  );
  return rows.map(({ name }) => name);
}

/** An archive by its name, else by its id; null when there is none, or it was deleted or merged. */
export async function getArchive(database: Database, nameOrId: string): Promise<ArchiveRow | null> {
  const id = isId(nameOrId) ? nameOrId : null;
  const [row] = await database.ask(
    (sql) => sql<ArchiveResult[]>`
      select ${sql.unsafe(ARCHIVE_JSON)} as archive from archives a
      where not is_deleted and (name = ${nameOrId} or id = ${id}::uuid)
      order by name = ${nameOrId} desc limit 1`,
  );
  return row?.archive ?? null;
}
