import { FoldError } from "../errors.ts";
import { isMergeable } from "../storage/mergeable.ts";
import type { DamagedArchive, JobEntry, Storage } from "../storage/port.ts";
import { mostBytes } from "./memory.ts";
import type { WorkRequest } from "./work-request.ts";

/** Whether a job waits for a worker that may take more memory than `budget_bytes`. */
export function isTooLarge({ state, kind, size_bytes }: JobEntry, budget_bytes: number): boolean {
  return state === "waiting" && size_bytes > mostBytes(budget_bytes)[kind];
}

/** Why the one job that was asked for cannot be claimed. */
export async function noSuchJob(storage: Storage, id: string, budget_bytes: number): Promise<FoldError> {
  const job = (await storage.listJobs()).find((entry) => entry.id === id);
  if (job === undefined)
    return new FoldError("not_found", `there is no job ${id}`, "`fold status` lists the jobs and their ids");
  const isLarge = isTooLarge(job, budget_bytes);
  const hint = isLarge ? "it needs more memory: see --memory" : "`fold status` tells more";
  return new FoldError("not_found", `job ${id} is ${isLarge ? "too large" : job.state}`, hint);
}

/** The archives that a worker was to merge, and that nobody can read. */
export async function unreadableArchives(storage: Storage, request: WorkRequest): Promise<DamagedArchive[]> {
  return isToMergeAll(request) ? await storage.listDamaged() : [];
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
