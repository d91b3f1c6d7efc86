import { existsSync } from "node:fs";
import { join } from "node:path";
import { MAX_ATTEMPTS } from "../port.ts";
import type { ArchiveShelf } from "./archive-shelf.ts";
import { remove } from "./files.ts";
import type { Layout } from "./layout.ts";
import { inputPath, release, SOURCE, takeOver } from "./ownership.ts";
import { finish } from "./publish.ts";
import type { PutAside } from "./put-aside.ts";
import { type JobRecord, readRecord, silence_ms, type WorkFolder, workFolders, writeRecord } from "./work-folder.ts";

/**
 * Frees what workers have left that are not heard of any more. Taking the folder over comes first, so a worker that
 * wakes up in the middle finds its paths gone, and of several who recover at once one does it.
 *
 * @returns how many jobs were freed, put aside or finished
 */
export function reclaim(layout: Layout, shelf: ArchiveShelf, putAside: PutAside, grace_ms: number): number {
  let count = 0;
  for (const folder of workFolders(layout.inProcess)) {
    if (folder.state === "free" || silence_ms(folder) <= grace_ms) continue;
    const own = takeOver(layout.inProcess, folder);
    if (own === null) continue;
    if (own.state === "done") finish(own.path, shelf);
    else if (!free(layout, shelf, putAside, own)) continue;
    count++;
  }
  return count;
}

/** Give back a job whose worker was lost; false when there was none, only the beginning of a claim. */
function free(layout: Layout, shelf: ArchiveShelf, putAside: PutAside, { path, id }: WorkFolder): boolean {
  const record = readRecord(path);
  if (record === null || !isWhole(path, record)) {
    record?.archives.forEach((name, number) => {
      if (existsSync(inputPath(path, number))) shelf.publish(inputPath(path, number), name);
    });
    remove(path);
    return false;
  }
  const failed: JobRecord = { ...record, failures: record.failures + 1 };
  writeRecord(path, failed);
  if (failed.failures >= MAX_ATTEMPTS) {
    putAside.put(path, failed, {
      code: "failed",
      message: `its worker was lost ${failed.failures} times`,
      hint: "see whether it ran out of memory; `fold retry` lets it try again",
    });
  } else {
    release(layout.inProcess, path, id);
  }
  return true;
}

/** The claim was finished: all that the job works on is in its folder. */
function isWhole(path: string, { kind, archives }: JobRecord): boolean {
  if (kind === "text") return existsSync(join(path, SOURCE));
  return archives.every((_, number) => existsSync(inputPath(path, number)));
}
