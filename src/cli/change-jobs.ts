import { FoldError, type FoldErrorCode } from "../errors.ts";
import type { JobEntry, Storage } from "../storage/port.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import type { JobFlags } from "./job-definitions.ts";
import { withStorage } from "./job-storage.ts";

/** What is done to each of several jobs. */
export interface JobChange {
  /** For messages: "waits again". */
  readonly outcome: string;
  /** Jobs that the change is for. */
  readonly states: readonly JobEntry["state"][];
  readonly act: (storage: Storage, id: string) => void | Promise<void>;
}

/** No other job would fare better with these: they say what is wrong with the storage, or with the key to it. */
const OF_THE_STORAGE: ReadonlySet<FoldErrorCode> = new Set([
  "unreachable",
  "refused",
  "schema",
  "no_space",
  "unreadable",
  "read_only",
]);

/**
 * Change all jobs that are named, by id or by name. What is not found does not keep the others from it.
 *
 * @throws FoldError `partial` where some could be changed; where none could, with the code of the first that could not;
 * `interrupted` between two of them; errors of the storage as they are
 */
export async function changeJobs(
  { parameters, flags }: CommandArguments<JobFlags>,
  io: CommandIo,
  { outcome, states, act }: JobChange,
): Promise<number> {
  const problems: FoldError[] = [];
  await withStorage(flags, io, async (storage) => {
    for (const wanted of parameters) {
      if (io.signal.aborted) {
        throw new FoldError("interrupted", `stopped before ${wanted} and what follows it`, "name those again");
      }
      try {
        const { id, name } = findJob(await storage.listJobs(), wanted, states);
        await act(storage, id);
        if (flags.json) io.output.json({ job: id, name, outcome });
        else io.output.line(`${name}: ${outcome}`);
      } catch (error) {
        if (!(error instanceof FoldError) || OF_THE_STORAGE.has(error.code)) throw error;
        problems.push(error);
      }
    }
  });
  if (problems.length === 0) return 0;
  if (parameters.length === 1) throw problems[0];
  for (const { message, hint } of problems) io.output.warn(`${message}; ${hint}`);
  const isAll = problems.length === parameters.length;
  throw new FoldError(
    isAll ? problems[0].code : "partial",
    `${problems.length} of ${parameters.length} jobs could not be changed`,
    "see the warnings above",
  );
}

/** The job that is meant. Texts that came one after the other under one name share an id: the storage says which is next. */
function findJob(jobs: readonly JobEntry[], wanted: string, states: readonly JobEntry["state"][]): JobEntry {
  const named = jobs.filter(({ id, name }) => id === wanted || name === wanted);
  const able = named.filter(({ state }) => states.includes(state));
  const ids = [...new Set(able.map(({ id }) => id))];
  if (ids.length === 1) return able[0];
  if (ids.length > 1) {
    throw new FoldError("usage", `${able.length} jobs are called ${wanted}`, `name one by its id: ${ids.join(", ")}`);
  }
  const hint = "`fold status` lists the jobs and their ids";
  if (named.length === 0) {
    throw new FoldError("not_found", `there is no job ${wanted} that waits, runs or can be tried again`, hint);
  }
  throw new FoldError("not_found", `job ${wanted} is ${named[0].state}, not ${states.join(" or ")}`, hint);
}
