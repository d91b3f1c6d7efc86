import { availableParallelism } from "node:os";
import { cloudDefinitions } from "./cloud-definitions.ts";
import type { CommandDefinition } from "./command.ts";
import { dbDefinition } from "./db-definition.ts";
import {
  archiveName,
  cutBy,
  cutWords,
  dimensions,
  type FlagValues,
  hours,
  MAX_THREADS,
  memory,
  oneOf,
  repeated,
  seconds,
  shape,
  shard,
  share,
  singleWord,
  text,
  threadList,
  toggle,
  valued,
  wholeNumber,
} from "./flags.ts";

import { setupDefinitions } from "./setup-definitions.ts";
import { storeDefinition } from "./store-definition.ts";
import { upgradeDefinition } from "./upgrade-definition.ts";

const cores = availableParallelism();

const json = toggle("print JSON on stdout and nothing else there");
const quiet = toggle("no progress and no summary; errors are still told");
const fresh = toggle("throw away what a stopped run left, and start again");
const threads = valued("threads to use", "N", wholeNumber(1, MAX_THREADS), cores, "all cores");
const maxDims = valued("most dimensions of an ortho", "N|all", dimensions, 2, "2");
const minVolume = valued("leave out orthos of less volume", "V", wholeNumber(1), 1, "1");
const outDir = valued("folder for the archives", "DIR", text("a folder"), null, "archives in the state directory");
const name = valued("name of the archive", "NAME", archiveName, null, "the text's");
const storageBackend = valued(
  "where jobs are kept",
  "local|cloud",
  text("the name of a backend"),
  null,
  "STORAGE_BACKEND, else local",
);
const stateDir = valued("the state directory", "DIR", text("a folder"), null, "FOLD_STATE_DIR, else fold_state");

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

export const stageFlags = {
  by: {
    ...valued(
      "what starts a piece; a REGEX is tried on each line",
      "chapter|paragraph|sentence|REGEX",
      cutBy,
      "chapter" as const,
      "chapter",
    ),
    choices: cutWords,
  },
  minWords: valued("join pieces of fewer words to their neighbours", "N", wholeNumber(1), 0),
  maxWords: valued(
    "cut pieces of more words, between paragraphs or else sentences; one sentence stays whole",
    "N",
    wholeNumber(1),
    Number.POSITIVE_INFINITY,
  ),
  dryRun: toggle("list the pieces and write nothing"),
  force: toggle("replace what was staged under the same name before"),
  stateDir,
  storageBackend,
  json,
  quiet,
};

export const workFlags = {
  mode: oneOf("all jobs until nothing is left, or one", ["continuous", "one-shot"], "continuous"),
  jobId: valued("only this job", "JOB", text("the id of a job"), null),
  merge: toggle("once no text waits, merge archives two by two until one is left"),
  maxDims,
  threads,
  memory: valued("memory that this process may take", "SIZE", memory, null, "75% of what the machine or container has"),
  stay: toggle("wait for new jobs when nothing is left, until Ctrl-C or SIGTERM"),
  stateDir,
  storageBackend,
  json: toggle("one JSON object a job on stdout and nothing else there"),
  quiet: toggle("neither a live view nor log lines; errors are still told"),
};

export const statusFlags = {
  watch: toggle("go on showing what changes, until q or Ctrl-C"),
  json,
  stateDir,
  storageBackend,
};

export const jobFlags = { json, stateDir, storageBackend };

export const showFlags = { json, stateDir, storageBackend };

export const exportFlags = {
  shape: valued("only this shape, dims in any order", "3x3", shape, null),
  minVolume: valued("only orthos of at least this volume", "V", wholeNumber(1), 1, "1"),
  containing: repeated("only orthos that hold this word; more than once: all of the words", "WORD", singleWord),
  origin: valued("only orthos that start with this word", "WORD", singleWord, null),
  limit: valued("stop after so many orthos", "N", wholeNumber(0), null, "none"),
  format: oneOf("canonical lines, or one JSON object a line", ["lines", "jsonl"], "lines"),
  stateDir,
  storageBackend,
};

export const mergeFlags = {
  out: outDir,
  name: { ...name, shown: "the names of the archives, joined" },
  threads,
  fresh,
  json,
  quiet,
  stateDir,
  storageBackend,
};

export const verifyFlags = {
  sample: valued("check the orthos of this share of the chunks, for instance 1/30", "P", share, 1, "1"),
  json,
  stateDir,
  storageBackend,
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
  {
    name: "stage",
    summary: "cut big texts into inputs, never inside a sentence",
    parameters: "FILE...",
    atLeast: 1,
    atMost: Infinity,
    flags: stageFlags,
    examples: [
      ["stage book.txt --dry-run", "the chapters that would become inputs"],
      ["stage book.txt --min-words 2000 --max-words 10000", "chapters, the short ones joined, the long ones cut"],
      ["stage play.txt --by '^SCENE '", "a piece for each line that begins so"],
      ["stage letters/ --by paragraph --min-words 5000", "paragraphs of all *.txt in a folder, joined"],
    ],
    load: () => import("./stage.ts"),
  },
  {
    name: "work",
    summary: "work off the texts of a state directory, beside as many other workers as you like",
    parameters: "",
    atLeast: 0,
    atMost: 0,
    flags: workFlags,
    examples: [
      ["work", "fold every text in fold_state/input"],
      ["work --merge --threads 1", "fold all, then merge all into one archive; start it as often as there are cores"],
      ["work --memory 800MB", "on a small machine"],
      ["work --mode one-shot --json", "one job, told as JSON"],
    ],
    load: () => import("./work.ts"),
  },
  {
    name: "status",
    summary: "the jobs of a state directory: waiting, running, done, failed",
    parameters: "",
    atLeast: 0,
    atMost: 0,
    flags: statusFlags,
    examples: [
      ["status", "who works on what, and how far it is"],
      ["status --watch", "the same, drawn again and again"],
      ["status --json", "for programs"],
    ],
    load: () => import("./status.ts"),
  },
  {
    name: "retry",
    summary: "let jobs that failed wait again",
    parameters: "JOB...",
    atLeast: 1,
    atMost: Infinity,
    flags: jobFlags,
    examples: [["retry book-0123456789ab", "the id or the name of a job, as status prints them"]],
    load: () => import("./retry.ts"),
  },
  {
    name: "cancel",
    summary: "take jobs out, also running ones; their texts are put aside",
    parameters: "JOB...",
    atLeast: 1,
    atMost: Infinity,
    flags: jobFlags,
    examples: [["cancel book-0123456789ab", "its worker stops within a heartbeat"]],
    load: () => import("./cancel.ts"),
  },
  {
    name: "show",
    summary: "what is in an archive, with its best ortho drawn",
    parameters: "ARCHIVE",
    atLeast: 1,
    atMost: 1,
    flags: showFlags,
    examples: [
      ["show fold_state/archives/book.tar.zst", "a file"],
      ["show book", "an archive of the state directory, by the name that status tells"],
      ["show book.tar.zst --json", "for programs"],
    ],
    endsAtOnce: true,
    load: () => import("./show.ts"),
  },
  {
    name: "export",
    summary: "the orthos of an archive as canonical lines",
    parameters: "ARCHIVE",
    atLeast: 1,
    atMost: 1,
    flags: exportFlags,
    examples: [
      ["export book.tar.zst --shape 3x3", "all of one shape"],
      ["export book.tar.zst --containing whale --limit 10", "the first ten with a word in them"],
      ["export book.tar.zst --min-volume 4 --format jsonl", "the large ones, for programs"],
      ["export book.tar.zst | LC_ALL=C sort | sha256sum", "the digest of the set"],
    ],
    endsAtOnce: true,
    load: () => import("./export.ts"),
  },
  {
    name: "merge",
    summary: "the archive of the union of several",
    parameters: "ARCHIVE...",
    atLeast: 1,
    atMost: Infinity,
    flags: mergeFlags,
    examples: [["merge a.tar.zst b.tar.zst --name both", "what folding both texts together gives"]],
    load: () => import("./merge.ts"),
  },
  {
    name: "verify",
    summary: "check an archive: every hash, every ortho against its sentences",
    parameters: "ARCHIVE",
    atLeast: 1,
    atMost: 1,
    flags: verifyFlags,
    examples: [
      ["verify book.tar.zst", "all of it"],
      ["verify book.tar.zst --sample 1/30", "every hash, and the orthos of one chunk in thirty"],
    ],
    load: () => import("./verify.ts"),
  },
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
export type StageFlags = FlagValues<typeof stageFlags>;
export type WorkFlags = FlagValues<typeof workFlags>;
export type StatusFlags = FlagValues<typeof statusFlags>;
export type JobFlags = FlagValues<typeof jobFlags>;
export type ShowFlags = FlagValues<typeof showFlags>;
export type ExportFlags = FlagValues<typeof exportFlags>;
export type MergeFlags = FlagValues<typeof mergeFlags>;
export type VerifyFlags = FlagValues<typeof verifyFlags>;
export type EstimateFlags = FlagValues<typeof estimateFlags>;
export type BenchFlags = FlagValues<typeof benchFlags>;
