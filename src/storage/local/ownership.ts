import { existsSync } from "node:fs";
import { FoldError } from "../../errors.ts";
import type { Attempt, JobWanted } from "../port.ts";
import { move, remove } from "./files.ts";
import {
  folderPath,
  freeToken,
  heartbeatPath,
  type JobRecord,
  newToken,
  recordPath,
  type WorkFolder,
} from "./work-folder.ts";

/** Who a job belongs to is the name of its folder; here is all that changes it. */

/** The source of a text job inside its folder. */
export const SOURCE = "source.txt";

/** Become the owner of a folder; null when somebody else was faster. */
export function takeOver(inProcess: string, folder: WorkFolder, now_ms: number): WorkFolder | null {
  const token = newToken(now_ms);
  const ending = folder.state === "done" ? "done" : "work";
  const path = folderPath(inProcess, folder.id, token, ending);
  if (!move(folder.path, path)) return null;
  return { id: folder.id, token, state: ending, path };
}

/** Give a folder up, with all that is in it, for whoever claims the job next. */
export function release(inProcess: string, folder: string, id: string): void {
  if (!isOwned(folder)) throw lost(id);
  // A sign of life from before would make the next claim look alive or dead when it is not.
  remove(heartbeatPath(folder));
  if (!move(folder, folderPath(inProcess, id, freeToken(), "work"))) throw lost(id);
}

/** The attempt of an owned folder. */
export function attemptOf(folder: string, record: JobRecord, { worker, options }: JobWanted): Attempt {
  const { id, kind, name, number, size_bytes, archives } = record;
  return { id, kind, name, number, worker, options, size_bytes, archives, folder };
}

/** Do something in an attempt's folder; when that fails because the folder is another's now, say so. */
export function asOwner<T>(attempt: Attempt, act: () => T): T {
  try {
    const result = act();
    if (!isOwned(attempt.folder)) throw lost(attempt.id);
    return result;
  } catch (error) {
    throw isOwned(attempt.folder) ? error : lost(attempt.id);
  }
}

/** The same for what takes its time: a lost folder is gone in the middle of it. */
export async function whileOwner<T>(attempt: Attempt, act: () => Promise<T>): Promise<T> {
  try {
    const result = await act();
    if (!isOwned(attempt.folder)) throw lost(attempt.id);
    return result;
  } catch (error) {
    throw isOwned(attempt.folder) ? error : lost(attempt.id);
  }
}

/**
 * Whether the folder of an attempt is still its own.
 *
 * Being there is not enough: a thread that writes its files by their paths may make a lost folder anew. It has no
 * record then, and never gets one.
 */
export function isOwned(folder: string): boolean {
  return existsSync(recordPath(folder));
}

export function lost(id: string): FoldError {
  return new FoldError(
    "lease_lost",
    `job ${id} is no longer this worker's`,
    "another worker has it, or it was completed or cancelled; nothing of it was harmed",
  );
}
