import { statSync } from "node:fs";
import { UnfinishedArchive } from "../archive/writer.ts";
import { FoldError } from "../errors.ts";
import type { Attempt } from "../storage/port.ts";
import { sizeOfFolder } from "./folder-size.ts";
import { archivePath } from "./run-attempt.ts";
import { workFolder } from "./spill.ts";

/**
 * What is said when the disk is full: how much the job had taken, and how much it needs as far as one can see. To be
 * called while what the job has left is still in its folder.
 *
 * @param share of the work that was done, 0 .. 1
 */
export function noSpace(attempt: Attempt, error: FoldError, share: number): FoldError {
  const archive = archivePath(attempt);
  const parts_bytes = sizeOfFolder(workFolder(archive));
  const archive_bytes = statSync(archive, { throwIfNoEntry: false })?.size ?? 0;
  const folder_bytes = sizeOfFolder(attempt.folder);
  // Half an archive is gone by now; the piece that found no room counts among what was done.
  const half = error instanceof UnfinishedArchive ? error : { written_bytes: 0, reached_bytes: 0 };
  const done_bytes = Math.max(parts_bytes, archive_bytes, half.reached_bytes);
  const input_bytes = folder_bytes - parts_bytes - archive_bytes;
  // Finished parts are there twice while they are put together, and an archive while it goes into the store.
  const needed = share > 0 ? `; about ${sizeText(input_bytes + (2 * done_bytes) / share)} are needed` : "";
  return new FoldError(
    "no_space",
    `${attempt.name}: ${error.message} after ${sizeText(folder_bytes + half.written_bytes)}${needed}`,
    "the job waits again and its space is free: make room, then start the worker again",
    error,
  );
}

function sizeText(bytes: number): string {
  return bytes < 1e7 ? `${Math.ceil(bytes / 1e3)} kB` : `${Math.ceil(bytes / 1e6)} MB`;
}
