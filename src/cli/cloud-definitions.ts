import { FoldError } from "../errors.ts";
import { collectDefinition } from "./collect-definition.ts";
import type { CommandDefinition } from "./command.ts";
import { json, maxDims, minVolume, name, ofWorkers, quiet, threads } from "./common-flags.ts";
import {
  duration_ms,
  type FlagValues,
  memory,
  oneOf,
  repeated,
  shard,
  text,
  toggle,
  valued,
  wholeNumber,
} from "./flags.ts";

const WEEK_MS = 7 * 86_400_000;

/** As long as a URL can be good for: S3 takes no longer one. */
function expiry_ms(value: string): number {
  const time_ms = duration_ms(value);
  if (time_ms >= 1000 && time_ms <= WEEK_MS) return time_ms;
  throw new FoldError("usage", `cannot be ${JSON.stringify(value)}`, "give a length of time from 1s to 7d");
}

export const submitFlags = {
  shards: valued("share each text among so many jobs, whose archives are joined", "N", wholeNumber(1, 1000), 1),
  merge: toggle("merge the archives of all these texts into one, as they are done"),
  maxDims,
  minVolume,
  name,
  again: toggle("queue it even if the same was submitted before"),
  json,
  quiet,
};

export const workerFlags = {
  mode: ofWorkers.mode,
  jobId: ofWorkers.jobId,
  backend: {
    ...oneOf("cloud: a database says what is to be done; spaces: --input does", ["cloud", "spaces"], null),
    shown: "spaces where STORAGE_BACKEND says so, else cloud",
  },
  input: repeated("spaces: fold the text under this key of the input bucket", "KEY", text("the key of an object")),
  stay: ofWorkers.stay,
  merge: toggle("once no text waits, merge all archives two by two until one is left"),
  maxDims: { ...maxDims, description: "spaces: most dimensions of an ortho; with --merge: archives of so many" },
  minVolume: { ...minVolume, description: "spaces: leave out orthos of less volume" },
  shard: valued("spaces: fold only shard i of n", "i/n", shard, null),
  threads,
  memory: ofWorkers.memory,
  cacheSize: valued("how much the cache of downloads may hold", "SIZE", memory, null, "FOLD_CACHE_SIZE, else 10 GB"),
  json: ofWorkers.json,
  quiet: ofWorkers.quiet,
};

export const jobsFlags = {
  all: toggle("also those that are completed"),
  json,
};

export const archivesFlags = { json };

export const getFlags = {
  out: valued("where to; a folder or the name of a file", "PATH", text("a path"), null, "NAME.tar.zst here"),
  force: toggle("replace what is there"),
  json,
};

export const urlFlags = {
  expires: valued("how long the URL is good for, up to 7d", "TIME", expiry_ms, 3_600_000, "1h"),
  json,
};

export const gcFlags = {
  grace: valued("what is younger stays", "TIME", duration_ms, WEEK_MS, "7d"),
  inputs: toggle("also texts that no job is waiting for"),
  takeOver: toggle("also what other databases have there; else nothing goes where another one is at work"),
  dryRun: toggle("only tell what would be deleted"),
  json,
};

/** The commands of a fleet: PostgreSQL says whose a job is, Spaces holds the bytes. */
export const cloudDefinitions: readonly CommandDefinition[] = [
  {
    name: "submit",
    summary: "upload texts and queue their jobs for a fleet",
    parameters: "PATH...",
    atLeast: 1,
    atMost: Infinity,
    flags: submitFlags,
    examples: [
      ["submit book.txt", "one job"],
      ["submit book.txt --shards 8", "eight jobs, and their archives joined into one"],
      ["submit texts/ --merge", "a job for each *.txt of a folder, and one archive of all in the end"],
    ],
    load: () => import("./submit.ts"),
  },
  {
    name: "worker",
    summary: "work off the jobs of a fleet, beside as many other workers on as many machines as you like",
    about:
      "A worker may be there before its database: it waits half a minute for the first answer, and says so. Other commands wait five seconds.",
    parameters: "",
    atLeast: 0,
    atMost: 0,
    flags: workerFlags,
    examples: [
      ["worker", "until nothing is left"],
      ["worker --stay", "until it is stopped"],
      ["worker --mode one-shot --json", "one job, told as JSON"],
      ["worker --backend spaces --input book.txt", "one text of the input bucket, without a database"],
    ],
    load: () => import("./worker.ts"),
  },
  {
    name: "jobs",
    summary: "the jobs of a fleet, with what became of them",
    parameters: "[JOB]",
    atLeast: 0,
    atMost: 1,
    flags: jobsFlags,
    examples: [
      ["jobs", "what waits, runs or failed"],
      ["jobs --all --json", "all there ever were"],
      ["jobs book", "every attempt at the jobs of a name, or at the one of an id"],
    ],
    endsAtOnce: true,
    load: () => import("./jobs.ts"),
  },
  {
    name: "archives",
    summary: "the archives of a fleet: list them, remove some",
    parameters: "[rm ARCHIVE...]",
    atLeast: 0,
    atMost: Infinity,
    choices: ["rm"],
    flags: archivesFlags,
    examples: [
      ["archives", "by name, with their orthos and where they come from"],
      ["archives rm book", "one that is not needed any more; its text may be submitted again"],
    ],
    endsAtOnce: true,
    load: () => import("./archives.ts"),
  },
  {
    name: "get",
    summary: "download an archive of a fleet",
    parameters: "ARCHIVE",
    atLeast: 1,
    atMost: 1,
    flags: getFlags,
    examples: [
      ["get book", "to book.tar.zst"],
      ["get book --out /data/", "into a folder"],
    ],
    load: () => import("./get.ts"),
  },
  {
    name: "url",
    summary: "a URL by which anybody can download an archive for some time",
    parameters: "ARCHIVE",
    atLeast: 1,
    atMost: 1,
    flags: urlFlags,
    examples: [["url book --expires 24h", "for a day"]],
    endsAtOnce: true,
    load: () => import("./url.ts"),
  },
  {
    name: "gc",
    summary: "delete what nobody needs from the buckets of a fleet",
    parameters: "",
    atLeast: 0,
    atMost: 0,
    flags: gcFlags,
    examples: [
      ["gc --dry-run", "what workers that died have left"],
      ["gc --take-over --dry-run", "the same, and what a database has left that is gone for good"],
    ],
    load: () => import("./gc.ts"),
  },
  collectDefinition,
];

export type SubmitFlags = FlagValues<typeof submitFlags>;
export type WorkerFlags = FlagValues<typeof workerFlags>;
export type JobsFlags = FlagValues<typeof jobsFlags>;
export type ArchivesFlags = FlagValues<typeof archivesFlags>;
export type GetFlags = FlagValues<typeof getFlags>;
export type UrlFlags = FlagValues<typeof urlFlags>;
export type GcFlags = FlagValues<typeof gcFlags>;
