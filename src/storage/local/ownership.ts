import { existsSync } from "node:fs";
import { join } from "node:path";
import { FoldError } from "../../errors.ts";
import type { Attempt } from "../port.ts";
import { move, remove } from "./files.ts";
import { folderPath, type JobRecord, newToken, type WorkFolder } from "./work-folder.ts";

/** Who a job belongs to is the name of its folder; here is all that changes it. */

/** The source of a text job inside its folder. */
export const SOURCE = "source.txt";

/** The finished archive inside the folder, and what is told of it. */
export const ARCHIVE = "archive.tar.zst";
export const ENTRY = "archive.json";

/** Where the archives of a merge are inside its folder. */
export function inputPath(folder: string, number: number): string {
  return join(folder, `input-${number}.tar.zst`);
}

/** Become the owner of a folder; null when somebody else was faster. */
export function takeOver(inProcess: string, folder: WorkFolder): WorkFolder | null {
  const token = newToken();
  const ending = folder.state === "done" ? "done" : "work";
  const path = folderPath(inProcess, folder.id, token, ending);
  if (!move(folder.path, path)) return null;
  return { id: folder.id, token, state: ending, path };
}

/** Give a folder up, with all that is in it, for whoever claims the job next. */
export function release(inProcess: string, folder: string, id: string): void {
  // A sign of life from before would make the next claim look alive or dead when it is not.
  remove(join(folder, "heartbeat.json"));
  if (!move(folder, folderPath(inProcess, id, "free", "work"))) throw lost(id);
}

/** The attempt of an owned folder. */
export function attemptOf(folder: string, record: JobRecord): Attempt {
  const { id, kind, name, number, worker, size_bytes, archives } = record;
  return { id, kind, name, number, worker, size_bytes, archives, folder };
}

/** Do something in an attempt's folder; when that fails because the folder is another's now, say so. */
export function asOwner<T>(attempt: Attempt, act: () => T): T {
  try {
    const result = act();
    if (!existsSync(attempt.folder)) throw lost(attempt.id);
    return result;
  } catch (error) {
    throw existsSync(attempt.folder) ? error : lost(attempt.id);
  }
}

export function lost(id: string): FoldError {
  return new FoldError(
    "lease_lost",
    `job ${id} is no longer this worker's`,
    "another worker has it or it was cancelled; nothing of it was harmed",
  );
}
