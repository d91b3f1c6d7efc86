import type { CommandDefinition } from "./command.ts";
import { quiet, threads } from "./common-flags.ts";
import { archiveName, dimensions, type FlagValues, text, toggle, valued, wholeNumber } from "./flags.ts";

export const collectFlags = {
  out: valued("write the merged archive to this file", "FILE", text("the path of a file"), null),
  upload: valued("put the merged archive into the bucket under this name", "NAME", archiveName, null),
  name: valued("with --out: name of the archive", "NAME", archiveName, null, "made of the names of its parts"),
  prefix: valued("only archives whose keys start with this", "PREFIX", String, "", "all"),
  maxDims: valued("merge archives of so many dimensions", "N|all", dimensions, 2, "2"),
  minVolume: valued("merge archives of orthos from this volume on", "V", wholeNumber(1), 1, "1"),
  latest: toggle("of different texts that were under one key, merge only the last"),
  removeDuplicates: toggle("remove archives that another one is equal to, to the byte"),
  dryRun: toggle("only tell what there is and what would be merged"),
  threads,
  json: toggle("one JSON object an archive and one at the end on stdout, and nothing else there"),
  quiet,
};

export type CollectFlags = FlagValues<typeof collectFlags>;

/** What follows workers without coordination. */
export const collectDefinition: CommandDefinition = {
  name: "collect",
  summary: "merge what workers without coordination have uploaded into one archive",
  parameters: "",
  atLeast: 0,
  atMost: 0,
  flags: collectFlags,
  examples: [
    ["collect --dry-run", "what there is, what is there twice and why others differ"],
    ["collect --out all.tar.zst", "one archive of all texts"],
    ["collect --prefix novels/ --upload novels --remove-duplicates", "of some, back into the bucket"],
  ],
  load: () => import("./collect.ts"),
};
