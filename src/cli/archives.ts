import { deleteArchive } from "../db/delete-archive.ts";
import { listArchives } from "../db/list-archives.ts";
import type { ArchiveRow } from "../db/rows.ts";
import { FoldError } from "../errors.ts";
import type { CloudParts } from "../storage/cloud/cloud-parts.ts";
import { archiveNamed } from "./archive-named.ts";
import { withCloud } from "./cloud.ts";
import type { ArchivesFlags } from "./cloud-definitions.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import { reportOfArchive } from "./job-report.ts";
import { formatBytes, formatCount, formatTable, shortLineage } from "./text.ts";

/** `fold archives`: the archives of a fleet, by name; `fold archives rm ARCHIVE...`: remove some. */
export async function execute({ parameters, flags }: CommandArguments<ArchivesFlags>, io: CommandIo): Promise<number> {
  const [action, ...named] = parameters;
  if (action !== undefined && action !== "rm") {
    throw new FoldError("usage", `archives does not know what to do with ${action}`, "`fold help archives` lists it");
  }
  if (action === "rm" && named.length === 0) {
    throw new FoldError("usage", "archives rm is not told which", "give names; `fold archives` lists them");
  }
  await withCloud(io, (cloud) => (action === "rm" ? removeAll(cloud, named, flags, io) : list(cloud, flags, io)));
  return 0;
}

/** The row goes first: what a crash leaves is an object that nobody needs. */
async function removeAll(cloud: CloudParts, named: readonly string[], { json }: ArchivesFlags, { output }: CommandIo) {
  const database = await cloud.database();
  // All are looked for before the first goes; one that was named twice goes once.
  const rows = new Map<string, ArchiveRow>();
  for (const name of named) {
    const row = await archiveNamed(database, name);
    rows.set(row.id, row);
  }
  for (const { id, name } of rows.values()) {
    await cloud.results.remove([await deleteArchive(database, id)]);
    if (json) output.json({ archive: name, id, removed: true });
    else output.line(`${name}: removed`);
  }
}

async function list(cloud: CloudParts, { json }: ArchivesFlags, { output }: CommandIo): Promise<void> {
  const database = await cloud.database();
  const rows: string[][] = [];
  for (let after = ""; ; ) {
    const page = await listArchives(database, { after, withReserved: true });
    if (page.length === 0) break;
    if (json) for (const archive of page) output.json(reportOfArchive(archive));
    else rows.push(...page.map(rowOf));
    // However many there are, and however slow their reader is.
    await output.flush();
    after = page.at(-1)?.name ?? after;
  }
  if (!json && rows.length === 0) output.note("there are no archives yet");
  for (const line of formatTable(rows, "lrrll")) output.line(line);
}

function rowOf({ name, orthoCount, size_bytes, reservedBy, lineage }: ArchiveRow): string[] {
  const state = reservedBy === null ? "" : "being merged";
  return [name, `${formatCount(orthoCount)} orthos`, formatBytes(size_bytes), state, shortLineage(lineage)];
}
