import { availableParallelism } from "node:os";
import { archiveDefinitions } from "./archive-definitions.ts";
import { cloudDefinitions } from "./cloud-definitions.ts";
import type { CommandDefinition } from "./command.ts";
import { fresh, json, maxDims, minVolume, name, outDir, quiet, threads } from "./common-flags.ts";
import { dbDefinition } from "./db-definition.ts";
import { type FlagValues, hours, seconds, shard, text, threadList, toggle, valued, wholeNumber } from "./flags.ts";
import { jobDefinitions } from "./job-definitions.ts";
import { setupDefinitions } from "./setup-definitions.ts";
import { storeDefinition } from "./store-definition.ts";
import { upgradeDefinition } from "./upgrade-definition.ts";

const cores = availableParallelism();

export const runFlags = {
  maxDims,
  threads,
  shard: valued("fold only shard i of n", "i/n", shard, null),
  out: outDir,
  minVolume,
  noArchive: toggle("count and find the best, and keep nothing"),
  resume: toggle("insist on going on from what a stopped run left; without it that is done where possible"),
  fresh,
  merge: toggle("one archive of the union of all texts, instead of one each"),
  name,
  json,
  quiet,
};

export const estimateFlags = {
  maxDims,
  minVolume,
  seconds: valued("how long to sample", "S", seconds, 1.5, "1.5"),
  fleet: toggle("also how many droplets of which size fold it in time, and what they cost"),
  hours: valued("with --fleet: the time that it may take", "H", hours, null, "1"),
  prices: valued(
    "with --fleet: prices as `doctl compute size list --output json` prints them",
    "FILE",
    text("a file"),
    null,
  ),
  json,
};

export const benchFlags = {
  threads: valued(
    "thread counts to measure, for instance 1,2",
    "LIST",
    threadList,
    cores > 1 ? [1, cores] : [1],
    "1 and all cores",
  ),
  runs: valued("runs of each", "N", wholeNumber(1, 1000), 3, "3"),
  maxDims,
};

const SHELLS = ["bash", "zsh", "fish"] as const;
/** What `fold help` knows besides commands. */
export const helpTopics = ["environment", "exit-codes", "formatting"] as const;

/** Every command, in the order in which help lists them. */
export const definitions: readonly CommandDefinition[] = [
  {
    name: "run",
    summary: "fold texts: find every ortho, keep them in archives",
    parameters: "PATH...",
    atLeast: 1,
    atMost: Infinity,
    flags: runFlags,
    examples: [
      ["run book.txt", "fold one text"],
      ["run texts/ --merge --name library", "one archive of the union of all *.txt in a folder"],
      ["run book.txt --max-dims 3 --min-volume 4", "three dimensions, without the smallest"],
      ["run book.txt --shard 2/8", "the second of eight parts"],
      ["run - --no-archive --json < book.txt", "fold standard input, keep nothing"],
    ],
    load: () => import("./run.ts"),
  },
  ...jobDefinitions,
  ...archiveDefinitions,
  {
    name: "estimate",
    summary: "how many orthos, how long, how big, before you start",
    parameters: "PATH...",
    atLeast: 1,
    atMost: Infinity,
    flags: estimateFlags,
    examples: [
      ["estimate book.txt --max-dims 3", "is it worth asking for three dimensions?"],
      ["estimate library.txt --fleet --hours 2", "droplets and dollars for it"],
    ],
    endsAtOnce: true,
    load: () => import("./estimate.ts"),
  },
  {
    name: "bench",
    summary: "how fast this machine folds a text, as JSON",
    parameters: "PATH",
    atLeast: 1,
    atMost: 1,
    flags: benchFlags,
    examples: [["bench book.txt --threads 1,2 --runs 5", "one thread against two"]],
    load: () => import("./bench.ts"),
  },
  storeDefinition,
  dbDefinition,
  ...cloudDefinitions,
  ...setupDefinitions,
  upgradeDefinition,
  {
    name: "completions",
    summary: "a script that completes commands and options in a shell",
    parameters: "SHELL",
    atLeast: 1,
    atMost: 1,
    choices: SHELLS,
    flags: {},
    examples: [
      ["completions bash > ~/.local/share/bash-completion/completions/{program}", "for bash"],
      ["completions zsh > ~/.zfunc/_{program}", "for zsh, in a folder of $fpath"],
      ["completions fish > ~/.config/fish/completions/{program}.fish", "for fish"],
    ],
    endsAtOnce: true,
    load: () => import("./completions.ts"),
  },
  {
    name: "help",
    summary: "help on a command, the environment, exit codes or text rules",
    parameters: "[TOPIC]",
    atLeast: 0,
    atMost: 1,
    get choices() {
      return [...definitions.map((definition) => definition.name), ...helpTopics];
    },
    flags: {},
    examples: [
      ["help run", "the options of a command"],
      ["help formatting", "how a text becomes sentences, and how results look"],
    ],
    endsAtOnce: true,
    load: () => import("./help.ts"),
  },
];

export type RunFlags = FlagValues<typeof runFlags>;
export type EstimateFlags = FlagValues<typeof estimateFlags>;
export type BenchFlags = FlagValues<typeof benchFlags>;
