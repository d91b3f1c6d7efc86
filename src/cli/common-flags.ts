import { availableParallelism } from "node:os";
import { archiveName, dimensions, MAX_THREADS, memory, oneOf, text, toggle, valued, wholeNumber } from "./flags.ts";

// Options that several commands have, in the same words.

export const json = toggle("print JSON on stdout and nothing else there");
export const quiet = toggle("no progress and no summary; errors are still told");
export const fresh = toggle("throw away what a stopped run left, and start again");
export const threads = valued("threads to use", "N", wholeNumber(1, MAX_THREADS), availableParallelism(), "all cores");
export const maxDims = valued("most dimensions of an ortho", "N|all", dimensions, 2, "2");
export const minVolume = valued("leave out orthos of less volume", "V", wholeNumber(1), 1, "1");
export const outDir = valued(
  "folder for the archives",
  "DIR",
  text("a folder"),
  null,
  "archives in the state directory",
);
export const name = valued("name of the archive", "NAME", archiveName, null, "the text's");
export const storageBackend = {
  ...valued(
    "where jobs are kept",
    "local|cloud|spaces",
    text("the name of a backend"),
    null,
    "STORAGE_BACKEND, else local",
  ),
  choices: ["local", "cloud", "spaces"],
};
export const stateDir = valued("the state directory", "DIR", text("a folder"), null, "FOLD_STATE_DIR, else fold_state");

/** What those have that work off jobs, whatever the storage. */
export const ofWorkers = {
  mode: oneOf("all jobs until nothing is left, or one", ["continuous", "one-shot"], "continuous"),
  jobId: valued("only this job", "JOB", text("the id of a job"), null),
  stay: toggle("wait for new jobs when nothing is left, until Ctrl-C or SIGTERM"),
  memory: valued("memory that this process may take", "SIZE", memory, null, "75% of what the machine or container has"),
  json: toggle("one JSON object a job on stdout and nothing else there"),
  quiet: toggle("neither a live view nor log lines; errors are still told"),
};
