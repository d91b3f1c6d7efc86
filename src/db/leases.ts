import { FoldError } from "../errors.ts";
import type { Client } from "./database.ts";
import type { AttemptKey } from "./rows.ts";

/** How an attempt ended. A job that was lost so often that nobody gets it again is put aside. */
export type Outcome = "completed" | "abandoned" | "failed" | "put_aside" | "lost" | "cancelled" | "retried";

/** The error_code of a job that was put aside for good: a merge one of whose archives is gone. */
export const OBSOLETE = "obsolete";

/** The error of a write that touched no row: the job is another's by now, or nobody's. */
export function leaseLost({ jobId, attempt }: AttemptKey): FoldError {
  const hint = "another worker has it, or it was cancelled; nothing was changed";
  return new FoldError("lease_lost", `job ${jobId} is no longer attempt ${attempt}'s`, hint);
}

/** The error of a job that is not in the state that a command is for. */
export function unknownJob(id: string, state: string): FoldError {
  return new FoldError("not_found", `no job ${id} is ${state}`, "`fold status` lists the jobs and their ids");
}

/** How an attempt ended, as its run says; null while it is under way, and when it was never this worker's. */
export async function outcomeOf(sql: Client, { jobId, workerId, attempt }: AttemptKey): Promise<Outcome | null> {
  const [run] = await sql<{ outcome: Outcome | null }[]>`
    select outcome from processing_runs
    where job_id = ${jobId} and attempt = ${attempt} and worker_id = ${workerId}`;
  return run?.outcome ?? null;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether a text can be an id: the database would take any other for a mistake, not for something unknown. */
export function isId(text: string): boolean {
  return UUID.test(text);
}
