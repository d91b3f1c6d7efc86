import { FoldError } from "../errors.ts";
import { isMergeable } from "../storage/mergeable.ts";
import type { DamagedArchive, JobEntry, Storage } from "../storage/port.ts";
import { memoryToGive, mostBytes } from "./memory.ts";
import type { WorkRequest } from "./work-request.ts";

/** As many ids as anybody reads. */
const MOST_IDS = 5;

/** Whether a job waits for a worker that may take more memory than `budget_bytes`. */
export function isTooLarge({ state, kind, size_bytes }: JobEntry, budget_bytes: number): boolean {
  return state === "waiting" && size_bytes > mostBytes(budget_bytes)[kind];
}

/** Why the one job that was asked for cannot be claimed. */
export async function noSuchJob(storage: Storage, id: string, budget_bytes: number): Promise<FoldError> {
  const jobs = await storage.listJobs();
  const job = jobs.find((entry) => entry.id === id);
  if (job === undefined) return unknownJob(jobs, id);
  const isLarge = isTooLarge(job, budget_bytes);
  const hint = isLarge ? `give --memory ${memoryToGive([job])} or more` : "`fold status` tells more";
  return new FoldError("not_found", `job ${id} is ${isLarge ? "too large" : job.state}`, hint);
}

/** The archives that a worker was to merge, and that nobody can read. */
export async function unreadableArchives(storage: Storage, request: WorkRequest): Promise<DamagedArchive[]> {
  return isToMergeAll(request) ? await storage.listDamaged() : [];
}

/** Names are what people read in lists, and several jobs may have the same. */
function unknownJob(jobs: readonly JobEntry[], wanted: string): FoldError {
  const ids = [...new Set(jobs.filter(({ name }) => name === wanted).map(({ id }) => id))];
  if (ids.length === 0) {
    return new FoldError("not_found", `there is no job ${wanted}`, "`fold status` lists the jobs and their ids");
  }
  const hint = `give --job-id ${ids.slice(0, MOST_IDS).join(", or ")}`;
  return new FoldError("not_found", `${wanted} is the name of a job, not its id`, hint);
}

/** How many archives a worker that has come to its end was to merge, and could not. */
export async function countUnmerged(storage: Storage, request: WorkRequest): Promise<number> {
  if (!isToMergeAll(request)) return 0;
  const archives = (await storage.listArchives()).filter((archive) => isMergeable(archive.options, request.options));
  return archives.length > 1 ? archives.length : 0;
}

function isToMergeAll({ merges, isOneShot, jobId, signal }: WorkRequest): boolean {
  return merges && !isOneShot && jobId === null && !signal.aborted;
}
