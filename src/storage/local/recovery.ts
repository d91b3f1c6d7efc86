import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { MAX_ATTEMPTS } from "../port.ts";
import type { ArchiveShelf } from "./archive-shelf.ts";
import type { Clock } from "./clock.ts";
import { remove } from "./files.ts";
import { inputBase, keptAt } from "./kept.ts";
import { idOfInput, type Layout, nameOfInput } from "./layout.ts";
import { release, SOURCE, takeOver } from "./ownership.ts";
import { finishLost } from "./publish.ts";
import type { PutAside } from "./put-aside.ts";
import { putBack } from "./shelving.ts";
import { removeOldSpares } from "./spare-folders.ts";
import type { Staleness } from "./staleness.ts";
import { type JobRecord, readOrigin, readRecord, type WorkFolder, workFolders, writeRecord } from "./work-folder.ts";

/** What recovery works on. */
export interface Recovering {
  readonly layout: Layout;
  readonly shelf: ArchiveShelf;
  readonly putAside: PutAside;
  readonly clock: Clock;
  readonly staleness: Staleness;
}

/**
 * Frees what workers have left that are not heard of any more. Taking the folder over comes first, so a worker that
 * wakes up in the middle finds its paths gone, and of several who recover at once one does it.
 *
 * @returns how many jobs were freed, put aside or finished
 */
export async function reclaim(recovering: Recovering): Promise<number> {
  const { layout, putAside, clock, staleness } = recovering;
  let count = 0;
  let firstError: unknown = null;
  for (const folder of workFolders(layout.inProcess)) {
    try {
      if (folder.state === "free" ? !isEmptied(folder) : !staleness.isStale(folder)) continue;
      const own = takeOver(layout.inProcess, folder, clock.wall_ms());
      if (own !== null && (await recover(recovering, own))) count++;
    } catch (error) {
      // One job that cannot be freed must not keep all others from it.
      firstError ??= error;
    }
  }
  putAside.tidyUp();
  removeOldSpares(layout.inProcess, clock, staleness.grace_ms);
  if (firstError !== null) throw firstError;
  return count;
}

/** What a worker that has lost its job may leave behind when it makes the folder anew: nothing, under a free name. */
function isEmptied({ path }: WorkFolder): boolean {
  return existsSync(path) && readRecord(path) === null;
}

/** Deal with the folder of a lost attempt; false when there was none, only the beginning of a claim. */
async function recover(recovering: Recovering, own: WorkFolder): Promise<boolean> {
  const { layout, shelf, putAside } = recovering;
  const { path, id } = own;
  if (own.state === "done" && (await finishLost(path, shelf))) return true;
  if (await putAside.goOn(path)) return true;
  const record = readRecord(path) ?? firstRecord(own);
  if (record === null) return await recoverUnknown(recovering, own);
  if (!isWhole(path, record)) {
    await putBack(shelf, path, record.archives);
    remove(path);
    return false;
  }
  const failed = countFailure(record);
  if (failed !== record) writeRecord(path, failed);
  if (failed.failures < MAX_ATTEMPTS) {
    release(layout.inProcess, path, id);
    return true;
  }
  await putAside.put(path, failed, {
    code: "lost",
    message: `its worker was lost ${failed.failures} times`,
    hint: "see whether it ran out of memory; `fold retry` lets it try again",
  });
  return true;
}

/** The record with one more failure, and nobody at it; as it is when the attempt is counted already. */
export function countFailure(record: JobRecord): JobRecord {
  return record.worker === null ? record : { ...record, failures: record.failures + 1, worker: null };
}

/** The claim was finished: all that the job works on is in its folder. */
function isWhole(path: string, { kind, archives }: JobRecord): boolean {
  if (kind === "text") return existsSync(join(path, SOURCE));
  return archives.every((_, number) => keptAt(inputBase(path, number)) !== null);
}

/**
 * The record that the first claim of a text has written, where a power cut took it away; null where it is not known
 * which text it is.
 */
function firstRecord({ id, path }: WorkFolder): JobRecord | null {
  const input = readOrigin(path);
  const size_bytes = statSync(join(path, SOURCE), { throwIfNoEntry: false })?.size;
  if (input === null || idOfInput(input) !== id || size_bytes === undefined) return null;
  return textRecord(id, nameOfInput(input), input, { size_bytes, failures: 0, worker: "unknown" });
}

/** A folder whose record is missing or damaged. Mostly nothing is in it; but what is must not be thrown away. */
async function recoverUnknown({ shelf, putAside }: Recovering, { path, id }: WorkFolder): Promise<boolean> {
  if (!existsSync(join(path, SOURCE))) {
    await putBack(shelf, path, [`recovered-${id}-0`, `recovered-${id}-1`]);
    remove(path);
    return false;
  }
  const job = textRecord(id, id, `${id}.txt`, { size_bytes: 0, failures: 1, worker: null });
  const hint = "the text is whole: rename it, then `fold retry`, or put it into input/ again";
  await putAside.put(path, job, { code: "corrupt", message: "the record of its job was damaged", hint });
  return true;
}

function textRecord(
  id: string,
  name: string,
  input: string,
  known: Pick<JobRecord, "size_bytes" | "failures" | "worker">,
): JobRecord {
  return { id, kind: "text", name, input, archives: [], number: 1, ...known };
}
