import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { JobEntry } from "../port.ts";
import { idOfInput, type Layout, nameOfInput, textsBelow } from "./layout.ts";
import type { Staleness } from "./staleness.ts";
import { readHeartbeat, readRecord, type WorkFolder, workFolders } from "./work-folder.ts";

/** No job is renamed right before each of so many looks. */
const MOST_LISTINGS = 100;

const idle = { failures: 0, worker: null, heartbeat_age_ms: null, progress: null, failure: null } as const;

/** The jobs of texts that nobody has claimed yet. */
export function waitingTexts(layout: Layout): JobEntry[] {
  return textsBelow(layout.input).flatMap((path): JobEntry[] => {
    const size_bytes = statSync(join(layout.input, path), { throwIfNoEntry: false })?.size;
    if (size_bytes === undefined) return [];
    return [{ ...idle, id: idOfInput(path), kind: "text", name: nameOfInput(path), state: "waiting", size_bytes }];
  });
}

/**
 * The jobs that somebody is at, or that were given back. A folder that is renamed between its listing and its reading is
 * looked for under its next name.
 */
export function jobsInProcess(layout: Layout, staleness: Staleness): JobEntry[] {
  const found: JobEntry[] = [];
  const looked = new Set<string>();
  let folders = workFolders(layout.inProcess);
  for (let listings = 1; listings <= MOST_LISTINGS && folders.length > 0; listings++) {
    const renamed = new Set<string>();
    for (const folder of folders) {
      looked.add(folder.path);
      const entry = entryOf(folder, staleness);
      if (entry !== null) found.push(entry);
      else if (!existsSync(folder.path)) renamed.add(folder.id);
    }
    if (renamed.size === 0) break;
    folders = workFolders(layout.inProcess).filter(({ id, path }) => renamed.has(id) && !looked.has(path));
  }
  return found;
}

function entryOf(folder: WorkFolder, staleness: Staleness): JobEntry | null {
  const record = readRecord(folder.path);
  if (record === null) return null;
  const { id, kind, name, size_bytes, failures, worker } = record;
  const job = { ...idle, id, kind, name, size_bytes, failures };
  if (folder.state === "free") return { ...job, state: "waiting" };
  const beat = readHeartbeat(folder.path);
  const progress = beat && { share: beat.share, orthos: beat.orthos };
  const heartbeat_age_ms = Math.round(staleness.silence_ms(folder));
  return { ...job, state: "running", worker, heartbeat_age_ms, progress };
}
