import type { CommandDefinition } from "./command.ts";
import { json, stateDir } from "./common-flags.ts";
import { duration_ms, type FlagValues, repeated, share, text, toggle, valued } from "./flags.ts";

const DAY_MS = 86_400_000;

export const storeFlags = {
  out: valued("get: where to, a path where there is nothing yet", "PATH", text("a path"), null),
  name: valued("add: name of the archive", "NAME", text("a name"), null, "the file's"),
  sample: valued("verify: read this share of the objects, for instance 1/30", "P", share, 1, "1"),
  repairFrom: repeated(
    "verify: take what is bad here from a store, a folder or a tar.zst file",
    "PATH",
    text("a path"),
  ),
  rebuild: toggle("verify: make references anew, also of archives that were removed or merged since the last gc"),
  grace: valued("gc: objects that were used within this time stay", "TIME", duration_ms, DAY_MS, "24h"),
  dryRun: toggle("gc: only tell what would be deleted"),
  stateDir,
  json,
};

export type StoreFlags = FlagValues<typeof storeFlags>;

/** What `fold store` can do: how many parameters each action takes, and which options are its own. */
export const storeActions = {
  ls: { parameters: 0, flags: [] },
  add: { parameters: 1, flags: ["name"] },
  get: { parameters: 1, flags: ["out"] },
  rm: { parameters: 1, flags: [] },
  stats: { parameters: 0, flags: [] },
  verify: { parameters: 0, flags: ["sample", "repairFrom", "rebuild"] },
  gc: { parameters: 0, flags: ["grace", "dryRun"] },
} as const satisfies Record<string, { parameters: number; flags: readonly (keyof StoreFlags)[] }>;

export type StoreAction = keyof typeof storeActions;

/** `fold store`: in a file of its own, for it is seven commands. */
export const storeDefinition: CommandDefinition = {
  name: "store",
  summary: "the object store: list, add, get, remove archives; verify, repair, collect garbage",
  parameters: "ls | add FILE|DIR | get NAME | rm NAME | stats | verify | gc",
  atLeast: 1,
  atMost: 2,
  choices: Object.keys(storeActions),
  flags: storeFlags,
  examples: [
    ["store ls", "what is there"],
    ["store add book.tar.zst --name moby", "keep an archive, a file or a folder"],
    ["store get moby --out moby.tar.zst", "the same bytes again"],
    ["store stats", "how much space equal content saves"],
    ["store verify --sample 1/30", "read one object in thirty"],
    ["store verify --repair-from /backup/fold_state", "mend what is damaged"],
    ["store gc --dry-run", "what nobody needs any more"],
  ],
  load: () => import("./store.ts"),
};
