import type { CommandDefinition } from "./command.ts";
import { json, maxDims, ofWorkers, quiet, stateDir, storageBackend, threads } from "./common-flags.ts";
import { cutBy, cutWords, type FlagValues, toggle, valued, wholeNumber } from "./flags.ts";

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
  mode: ofWorkers.mode,
  jobId: ofWorkers.jobId,
  merge: toggle("once no text waits, merge archives two by two until one is left"),
  maxDims,
  threads,
  memory: ofWorkers.memory,
  stay: ofWorkers.stay,
  stateDir,
  storageBackend,
  json: ofWorkers.json,
  quiet: ofWorkers.quiet,
};

export const statusFlags = {
  watch: toggle("go on showing what changes, until q or Ctrl-C"),
  json,
  stateDir,
  storageBackend,
};

export const jobFlags = { json, stateDir, storageBackend };

/** The commands around jobs: make them, work them off, look at them, change them. */
export const jobDefinitions: readonly CommandDefinition[] = [
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
];

export type StageFlags = FlagValues<typeof stageFlags>;
export type WorkFlags = FlagValues<typeof workFlags>;
export type StatusFlags = FlagValues<typeof statusFlags>;
export type JobFlags = FlagValues<typeof jobFlags>;
