import type { Database } from "../db/database.ts";
import { getArchive } from "../db/list-archives.ts";
import type { ArchiveRow } from "../db/rows.ts";
import { FoldError } from "../errors.ts";

/**
 * An archive of a fleet by its name or id.
 *
 * @throws FoldError `not_found`
 */
export async function archiveNamed(database: Database, named: string): Promise<ArchiveRow> {
  const row = await getArchive(database, named);
  if (row !== null) return row;
  throw new FoldError("not_found", `there is no archive ${JSON.stringify(named)}`, "`fold archives` lists them");
}
