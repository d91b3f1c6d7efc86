// Every call of the port that names an attempt.
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Attempt, Storage } from "../../src/storage/port.ts";
import { failure, writeTinyArchive } from "./place.ts";

/**
 * The calls, by name. The one that has lost its job does not know, and goes on in its folder.
 *
 * @param folder where the file of writeArchive is made
 */
export function callsOf(
  storage: Storage,
  attempt: Attempt,
  folder: string = attempt.folder,
): Readonly<Record<string, () => unknown>> {
  const late = () => {
    // It may be a folder that is lost: whoever goes by paths makes it anew without knowing.
    mkdirSync(folder, { recursive: true });
    return writeTinyArchive(join(folder, "late.tar.zst"), attempt.name, '"late"', "late words.\n");
  };
  return {
    heartbeat: () => storage.heartbeat(attempt, { share: 0.9, orthos: 99 }),
    readText: () => storage.readText(attempt),
    readArchives: () => storage.readArchives(attempt),
    spillChunk: () => storage.spillChunk(attempt, "late", new Uint8Array([9])),
    readChunk: () => storage.readChunk(attempt, "part-0"),
    listChunks: () => storage.listChunks(attempt),
    writeArchive: () => storage.writeArchive(attempt, late()),
    "writeArchive of a file that went with the folder": () => {
      const archive = late();
      rmSync(archive.path);
      return storage.writeArchive(attempt, archive);
    },
    completeJob: () => storage.completeJob(attempt),
    "abandonJob with its work": () => storage.abandonJob(attempt, true),
    "abandonJob without its work": () => storage.abandonJob(attempt, false),
    failJob: () => storage.failJob(attempt, failure),
    "failJob for good": () => storage.failJob(attempt, { ...failure, isFinal: true }),
  };
}
