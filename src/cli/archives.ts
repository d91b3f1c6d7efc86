import { listArchives } from "../db/list-archives.ts";
import type { ArchiveRow } from "../db/rows.ts";
import { withCloud } from "./cloud.ts";
import type { ArchivesFlags } from "./cloud-definitions.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import { formatBytes, formatCount, formatTable } from "./text.ts";

const LONGEST_LINEAGE = 60;

/** `fold archives`: the archives of a fleet, by name. */
export async function execute({ flags }: CommandArguments<ArchivesFlags>, io: CommandIo): Promise<number> {
  const rows: string[][] = [];
  await withCloud(io, async (cloud) => {
    const database = await cloud.database();
    for (let after = ""; ; ) {
      const page = await listArchives(database, { after, withReserved: true });
      if (page.length === 0) break;
      if (flags.json) for (const archive of page) io.output.json(archive);
      else rows.push(...page.map(rowOf));
      after = page.at(-1)?.name ?? after;
    }
  });
  if (!flags.json && rows.length === 0) io.output.note("there are no archives yet");
  for (const line of formatTable(rows, "lrrll")) io.output.line(line);
  return 0;
}

function rowOf({ name, orthoCount, size_bytes, reservedBy, lineage }: ArchiveRow): string[] {
  const state = reservedBy === null ? "" : "being merged";
  const from = lineage.length <= LONGEST_LINEAGE ? lineage : `${lineage.slice(0, LONGEST_LINEAGE - 1)}…`;
  return [name, `${formatCount(orthoCount)} orthos`, formatBytes(size_bytes), state, from];
}
