import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { WrittenArchive } from "../../archive/writer.ts";
import { isTemporary } from "../../disk.ts";
import { FoldError, fromSystemError } from "../../errors.ts";
import { TAKEN_ENDING } from "../../store/layout.ts";
import { checkChunkName } from "../chunk-name.ts";
import type {
  Answer,
  ArchiveEntry,
  Attempt,
  DamagedArchive,
  JobEntry,
  JobFailure,
  JobProgress,
  JobWanted,
  Storage,
} from "../port.ts";
import { MAX_ATTEMPTS } from "../port.ts";
import { ArchiveShelf } from "./archive-shelf.ts";
import { claimMerge } from "./claim-merges.ts";
import { TextClaims } from "./claim-texts.ts";
import { type Clock, systemClock } from "./clock.ts";
import { isMissing, makeFolder, makeSubfolder, namesIn, remove, removeIn, writeQuickly } from "./files.ts";
import { copyPath, inputBase, isInput, keptAt, resultBase } from "./kept.ts";
import { idOfInput, type Layout, layoutOf, textsBelow } from "./layout.ts";
import { jobsInProcess, waitingTexts } from "./list-jobs.ts";
import { asOwner, attemptOf, lost, release, SOURCE, takeOver, whileOwner } from "./ownership.ts";
import { complete, type KeptArchive, keepArchive } from "./publish.ts";
import { PutAside } from "./put-aside.ts";
import { countFailure, reclaim } from "./recovery.ts";
import { SpareFolders } from "./spare-folders.ts";
import { Staleness } from "./staleness.ts";
import {
  type JobRecord,
  ORIGIN,
  RECORD,
  readRecord,
  type WorkFolder,
  workFolders,
  writeHeartbeat,
  writeRecord,
} from "./work-folder.ts";

export interface LocalStorageOptions {
  /** The state directory. */
  readonly folder: string;
  /** An attempt that was not heard of for so long is lost. */
  readonly grace_ms: number;
  /**
   * Archives smaller than this stay whole files: of a small one there is nothing to share, and objects take several
   * times as long to make as the file.
   */
  readonly whole_below_bytes: number;
  /** For tests; the machine's own unless given. */
  readonly clock?: Clock;
}

const CHUNKS = "chunks";

/** A job that is to be cancelled is looked for so often while it is there, and was somewhere else at each look. */
const MOST_LOOKS = 20;
const LOOK_AGAIN_MS = 5;

/**
 * The state directory of one machine, shared by as many processes as like: every claim, give-back and completion is
 * a rename, which succeeds for one (see work-folder.ts).
 */
export class LocalStorage implements Storage {
  readonly place: string;
  readonly keepsFolders = true;
  private readonly layout: Layout;
  private readonly shelf: ArchiveShelf;
  private readonly spare: SpareFolders;
  private readonly texts: TextClaims;
  private readonly putAside: PutAside;
  private readonly clock: Clock;
  private readonly staleness: Staleness;
  private readonly whole_below_bytes: number;
  /** The archives of attempts under way: what an earlier attempt has left in the folder is not this one's. */
  private readonly kept = new WeakMap<Attempt, KeptArchive>();

  constructor({ folder, grace_ms, whole_below_bytes, clock = systemClock }: LocalStorageOptions) {
    this.layout = layoutOf(folder);
    this.place = this.layout.root;
    this.clock = clock;
    this.whole_below_bytes = whole_below_bytes;
    this.staleness = new Staleness(clock, grace_ms);
    this.shelf = new ArchiveShelf(folder);
    this.spare = new SpareFolders(this.layout.inProcess, clock);
    this.texts = new TextClaims(this.layout, clock, this.spare);
    this.putAside = new PutAside(this.layout, this.shelf, this.texts);
  }

  /** Make the folders, so that users see where texts go. */
  prepare(): void {
    const { input, inProcess, archives, failed } = this.layout;
    for (const folder of [input, inProcess, archives, failed]) makeFolder(folder);
  }

  async claimNextJob(wanted: JobWanted): Promise<Attempt | null> {
    this.prepare();
    const folders = workFolders(this.layout.inProcess);
    const text = this.claimFree(folders, wanted, "text") ?? this.texts.claim(wanted, folders);
    if (text !== null || !wanted.merges) return text;
    const merge = this.claimFree(folders, wanted, "merge");
    if (merge !== null || wanted.id !== undefined) return merge;
    return await claimMerge(this.layout, this.shelf, this.clock, wanted, this.putAside.refusedPairs());
  }

  private claimFree(folders: readonly WorkFolder[], wanted: JobWanted, kind: JobRecord["kind"]): Attempt | null {
    const atWork = new Set(folders.filter(({ state }) => state !== "free").map(({ id }) => id));
    for (const folder of folders) {
      if (folder.state !== "free" || (wanted.id !== undefined && wanted.id !== folder.id)) continue;
      // A retried text waits for its turn while a new one of its name is at work.
      if (atWork.has(folder.id)) continue;
      const record = readRecord(folder.path);
      if (record === null || record.kind !== kind || record.size_bytes > (wanted.most_bytes?.[kind] ?? Infinity))
        continue;
      const own = takeOver(this.layout.inProcess, folder, this.clock.wall_ms());
      if (own === null) continue;
      const next: JobRecord = { ...record, number: record.number + 1, worker: wanted.worker };
      try {
        // What an earlier attempt has put into the store is not this one's; what it was writing when it was killed may be
        // as large as the archive.
        remove(`${resultBase(own.path)}${TAKEN_ENDING}`);
        removeIn(own.path, (name) => !isTemporary(name));
        writeRecord(own.path, next);
      } catch (error) {
        release(this.layout.inProcess, own.path, own.id);
        throw error;
      }
      return attemptOf(own.path, next, wanted);
    }
    return null;
  }

  heartbeat(attempt: Attempt, progress: JobProgress): Answer<void> {
    const { share, orthos } = progress;
    const beat = { share, orthos, worker: attempt.worker, at_ms: this.clock.wall_ms() };
    asOwner(attempt, () => writeHeartbeat(attempt.folder, beat));
  }

  async writeArchive(attempt: Attempt, archive: WrittenArchive): Promise<void> {
    this.kept.set(attempt, await keepArchive(attempt, archive, this.shelf.store, this.whole_below_bytes));
  }

  completeJob(attempt: Attempt): Answer<ArchiveEntry> {
    return complete(attempt, this.kept.get(attempt) ?? null, this.shelf, this.spare);
  }

  abandonJob(attempt: Attempt, keepsWork: boolean): Answer<void> {
    if (!keepsWork) asOwner(attempt, () => this.clear(attempt));
    release(this.layout.inProcess, attempt.folder, attempt.id);
  }

  /** Remove all but the record and what the job works on. */
  private clear({ folder }: Attempt): void {
    removeIn(folder, (name) => [RECORD, ORIGIN, SOURCE].includes(name) || isInput(name));
  }

  async failJob(attempt: Attempt, failure: JobFailure): Promise<boolean> {
    const record = asOwner(attempt, () => readRecord(attempt.folder));
    if (record === null) throw lost(attempt.id);
    const failed = countFailure(record);
    asOwner(attempt, () => writeRecord(attempt.folder, failed));
    if (!failure.isFinal && failed.failures < MAX_ATTEMPTS) {
      release(this.layout.inProcess, attempt.folder, attempt.id);
      return false;
    }
    if (!(await this.setAside(attempt.folder, failed, failure))) throw lost(attempt.id);
    return true;
  }

  /** Put aside the job of a folder; false when the folder is gone. */
  private async setAside(folder: string, record: JobRecord, failure: Omit<JobFailure, "isFinal">): Promise<boolean> {
    // Under a token of our own: the worker may be alive, and must not find its folder half emptied.
    const found = workFolders(this.layout.inProcess).find(({ path }) => path === folder);
    const own = found === undefined ? null : takeOver(this.layout.inProcess, found, this.clock.wall_ms());
    if (own === null) return false;
    await this.putAside.put(own.path, record, failure);
    return true;
  }

  readText(attempt: Attempt): Answer<Uint8Array> {
    const path = join(attempt.folder, SOURCE);
    return asOwner(attempt, () => {
      try {
        return readFileSync(path);
      } catch (error) {
        throw fromSystemError(error, "read the text", path);
      }
    });
  }

  readArchives(attempt: Attempt): Promise<string[]> {
    return whileOwner(attempt, async () => {
      const paths: string[] = [];
      for (const [number] of attempt.archives.entries()) {
        const file = keptAt(inputBase(attempt.folder, number));
        if (file === null) throw lost(attempt.id);
        paths.push(await this.shelf.asWhole(file, copyPath(attempt.folder, number)));
      }
      return paths;
    });
  }

  openArchive(name: string, folder: string): Answer<string> {
    return this.shelf.copy(name, folder);
  }

  readInterner(name: string): Answer<Uint8Array> {
    return this.shelf.interner(name);
  }

  listArchives(): Answer<ArchiveEntry[]> {
    return this.shelf.list();
  }

  listDamaged(): Answer<DamagedArchive[]> {
    return this.shelf.damaged();
  }

  spillChunk(attempt: Attempt, name: string, bytes: Uint8Array): Answer<void> {
    asOwner(attempt, () => {
      makeSubfolder(join(attempt.folder, CHUNKS));
      writeQuickly(this.chunkPath(attempt, name), bytes);
    });
  }

  readChunk(attempt: Attempt, name: string): Answer<Uint8Array | null> {
    return asOwner(attempt, () => {
      try {
        return readFileSync(this.chunkPath(attempt, name));
      } catch (error) {
        if (isMissing(error)) return null;
        throw fromSystemError(error, "read the file", this.chunkPath(attempt, name));
      }
    });
  }

  listChunks(attempt: Attempt): Answer<string[]> {
    const names = asOwner(attempt, () => namesIn(join(attempt.folder, CHUNKS)));
    return names.filter((name) => !isTemporary(name)).sort();
  }

  private chunkPath({ folder }: Attempt, name: string): string {
    checkChunkName(name);
    return join(folder, CHUNKS, name);
  }

  reclaimStale(): Promise<number> {
    const { layout, shelf, putAside, clock, staleness } = this;
    return reclaim({ layout, shelf, putAside, clock, staleness });
  }

  listJobs(): Answer<JobEntry[]> {
    // In the order in which a job goes through the folders, each looked at to its end before the next: one on its way may
    // be seen twice, and is not missed.
    const waiting = waitingTexts(this.layout);
    const inProcess = jobsInProcess(this.layout, this.staleness);
    return [...inProcess, ...waiting, ...this.putAside.list()];
  }

  retryJob(id: string): Answer<void> {
    if (!this.putAside.retry(id)) throw unknownJob(id, "failed");
  }

  async cancelJob(id: string): Promise<void> {
    this.prepare();
    // It may be claimed or given back between two looks, and is then where was looked before.
    for (let look = 1; look <= MOST_LOOKS; look++) {
      if (await this.cancelWhereFound(id)) return;
      if (!this.isThere(id)) break;
      await Bun.sleep(LOOK_AGAIN_MS);
    }
    throw unknownJob(id, "waiting or running");
  }

  /** Put the job aside where it is found: at work, given back, or in input/. */
  private async cancelWhereFound(id: string): Promise<boolean> {
    const folders = workFolders(this.layout.inProcess).filter((folder) => folder.id === id);
    const inState = (state: WorkFolder["state"]) => folders.filter((folder) => folder.state === state);
    // A text that came later waits under the same id.
    for (const folder of [...inState("work"), ...inState("free")]) {
      const record = readRecord(folder.path);
      if (record !== null && (await this.setAside(folder.path, record, CANCELLED))) return true;
    }
    // Also one that somebody is just claiming: whoever renames it first has it.
    const attempt = this.texts.claim({ ...anyJob, id }, []);
    const record = attempt === null ? null : readRecord(attempt.folder);
    if (attempt === null || record === null) return false;
    await this.putAside.put(attempt.folder, { ...record, worker: null }, CANCELLED);
    return true;
  }

  /** Whether a job of that id is waiting or running. */
  private isThere(id: string): boolean {
    // In the direction in which claims take it: it may be seen twice, and is not missed.
    if (textsBelow(this.layout.input).some((path) => idOfInput(path) === id)) return true;
    const folders = workFolders(this.layout.inProcess).filter((folder) => folder.id === id && folder.state !== "done");
    // One that has just been renamed is looked for again.
    return folders.some(({ path }) => readRecord(path) !== null || !existsSync(path));
  }

  close(): void {
    this.spare.close();
  }
}

const anyJob = { worker: "cancel", options: { max_dims: 2, min_volume: 1, shard: null }, merges: false } as const;

const CANCELLED = { code: "cancelled", message: "cancelled", hint: "`fold retry` lets it wait again" } as const;

function unknownJob(id: string, state: string): FoldError {
  return new FoldError("not_found", `no job ${id} is ${state}`, "`fold status` lists the jobs and their ids");
}
