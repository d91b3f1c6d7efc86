import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { FoldError, fromSystemError } from "../../errors.ts";
import type { Answer, ArchiveEntry, Attempt, JobEntry, JobFailure, JobProgress, JobWanted, Storage } from "../port.ts";
import { MAX_ATTEMPTS } from "../port.ts";
import { ArchiveShelf } from "./archive-shelf.ts";
import { claimMerge } from "./claim-merges.ts";
import { TextClaims } from "./claim-texts.ts";
import { isMissing, makeFolder, remove, writeWhole } from "./files.ts";
import { idOfInput, type Layout, layoutOf, nameOfInput, textsBelow } from "./layout.ts";
import { asOwner, attemptOf, inputPath, lost, release, SOURCE, takeOver } from "./ownership.ts";
import { complete, keepArchive } from "./publish.ts";
import { PutAside } from "./put-aside.ts";
import { reclaim } from "./recovery.ts";
import {
  type JobRecord,
  readHeartbeat,
  readRecord,
  silence_ms,
  type WorkFolder,
  workFolders,
  writeRecord,
} from "./work-folder.ts";

export interface LocalStorageOptions {
  /** The state directory. */
  readonly folder: string;
  /** An attempt that was not heard of for so long is lost. */
  readonly grace_ms: number;
}

const CHUNKS = "chunks";

/**
 * The state directory of one machine, shared by as many processes as like: every claim, give-back and completion is
 * a rename, which succeeds for one (see work-folder.ts).
 */
export class LocalStorage implements Storage {
  readonly place: string;
  private readonly layout: Layout;
  private readonly shelf: ArchiveShelf;
  private readonly texts: TextClaims;
  private readonly putAside: PutAside;

  constructor(private readonly options: LocalStorageOptions) {
    this.layout = layoutOf(options.folder);
    this.place = this.layout.root;
    this.shelf = new ArchiveShelf(this.layout.archives);
    this.texts = new TextClaims(this.layout);
    this.putAside = new PutAside(this.layout, this.shelf);
  }

  /** Make the folders, so that users see where texts go. */
  prepare(): void {
    const { input, inProcess, archives, failed } = this.layout;
    for (const folder of [input, inProcess, archives, failed]) makeFolder(folder);
  }

  async claimNextJob(wanted: JobWanted): Promise<Attempt | null> {
    this.prepare();
    const text = this.claimFree(wanted, "text") ?? this.texts.claim(wanted);
    if (text !== null || !wanted.merges) return text;
    const merge = this.claimFree(wanted, "merge");
    if (merge !== null || wanted.id !== undefined) return merge;
    return await claimMerge(this.layout, this.shelf, wanted, (pair) => this.putAside.isRefused(pair));
  }

  private claimFree(wanted: JobWanted, kind: JobRecord["kind"]): Attempt | null {
    for (const folder of workFolders(this.layout.inProcess)) {
      if (folder.state !== "free" || (wanted.id !== undefined && wanted.id !== folder.id)) continue;
      const record = readRecord(folder.path);
      if (record === null || record.kind !== kind || record.size_bytes > (wanted.most_bytes?.[kind] ?? Infinity))
        continue;
      const own = takeOver(this.layout.inProcess, folder);
      if (own === null) continue;
      const next: JobRecord = { ...record, number: record.number + 1, worker: wanted.worker };
      writeRecord(own.path, next);
      return attemptOf(own.path, next);
    }
    return null;
  }

  heartbeat(attempt: Attempt, progress: JobProgress): Answer<void> {
    const beat = { ...progress, worker: attempt.worker };
    asOwner(attempt, () => writeWhole(join(attempt.folder, "heartbeat.json"), JSON.stringify(beat)));
  }

  writeArchive(attempt: Attempt, file: string): Answer<void> {
    return keepArchive(attempt, file);
  }

  completeJob(attempt: Attempt): Answer<ArchiveEntry> {
    return complete(attempt, this.shelf);
  }

  abandonJob(attempt: Attempt, keepsWork: boolean): Answer<void> {
    if (!keepsWork) asOwner(attempt, () => this.clear(attempt));
    release(this.layout.inProcess, attempt.folder, attempt.id);
  }

  /** Remove all but the record and what the job works on. */
  private clear({ folder }: Attempt): void {
    const kept = /^(job\.json|source\.txt|input-\d+\.tar\.zst)$/;
    for (const name of readdirSync(folder)) if (!kept.test(name)) remove(join(folder, name));
  }

  failJob(attempt: Attempt, failure: JobFailure): Answer<boolean> {
    const record = asOwner(attempt, () => readRecord(attempt.folder));
    if (record === null) throw lost(attempt.id);
    const failed: JobRecord = { ...record, failures: record.failures + 1 };
    asOwner(attempt, () => writeRecord(attempt.folder, failed));
    if (!failure.isFinal && failed.failures < MAX_ATTEMPTS) {
      release(this.layout.inProcess, attempt.folder, attempt.id);
      return false;
    }
    this.setAside(attempt.folder, failed, failure);
    return true;
  }

  private setAside(folder: string, record: JobRecord, failure: Omit<JobFailure, "isFinal">): void {
    // Under a token of our own: the worker may be alive, and must not find its folder half emptied.
    const found = workFolders(this.layout.inProcess).find(({ path }) => path === folder);
    const own = found === undefined ? null : takeOver(this.layout.inProcess, found);
    if (own === null) throw lost(record.id);
    this.putAside.put(own.path, record, failure);
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

  readArchives(attempt: Attempt): Answer<string[]> {
    return asOwner(attempt, () => attempt.archives.map((_, number) => inputPath(attempt.folder, number)));
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

  spillChunk(attempt: Attempt, name: string, bytes: Uint8Array): Answer<void> {
    asOwner(attempt, () => {
      // Not with the folders above it: a lost attempt must not make its folder anew.
      if (statSync(attempt.folder, { throwIfNoEntry: false }) === undefined) throw lost(attempt.id);
      makeFolder(join(attempt.folder, CHUNKS));
      writeWhole(this.chunkPath(attempt, name), bytes);
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
    return asOwner(attempt, () => {
      try {
        const names = readdirSync(join(attempt.folder, CHUNKS)).filter((name) => !name.endsWith(".tmp"));
        return names.map(decodeURIComponent).sort();
      } catch (error) {
        if (isMissing(error)) return [];
        throw fromSystemError(error, "list the folder", join(attempt.folder, CHUNKS));
      }
    });
  }

  private chunkPath({ folder }: Attempt, name: string): string {
    return join(folder, CHUNKS, encodeURIComponent(name));
  }

  reclaimStale(): Answer<number> {
    return reclaim(this.layout, this.shelf, this.putAside, this.options.grace_ms);
  }

  listJobs(): Answer<JobEntry[]> {
    const inProcess = workFolders(this.layout.inProcess).flatMap((folder) => this.entryOf(folder));
    const waiting = textsBelow(this.layout.input).map((path): JobEntry => {
      const size_bytes = statSync(join(this.layout.input, path), { throwIfNoEntry: false })?.size ?? 0;
      return { ...idle, id: idOfInput(path), kind: "text", name: nameOfInput(path), state: "waiting", size_bytes };
    });
    return [...inProcess, ...waiting, ...this.putAside.list()];
  }

  private entryOf(folder: WorkFolder): JobEntry[] {
    const record = readRecord(folder.path);
    if (record === null) return [];
    const { id, kind, name, size_bytes, failures, worker } = record;
    const job = { ...idle, id, kind, name, size_bytes, failures };
    if (folder.state === "free") return [{ ...job, state: "waiting" }];
    const progress = readHeartbeat(folder.path);
    return [{ ...job, state: "running", worker, heartbeat_age_ms: Math.round(silence_ms(folder)), progress }];
  }

  retryJob(id: string): Answer<void> {
    if (!this.putAside.retry(id)) throw unknownJob(id, "failed");
  }

  cancelJob(id: string): Answer<void> {
    const folder = workFolders(this.layout.inProcess).find((one) => one.id === id && one.state !== "done");
    if (folder !== undefined) {
      const record = readRecord(folder.path);
      if (record !== null) return this.setAside(folder.path, record, CANCELLED);
    }
    const input = textsBelow(this.layout.input).find((path) => idOfInput(path) === id);
    const attempt = input === undefined ? null : new TextClaims(this.layout).claim({ ...anyJob, id });
    const record = attempt === null ? null : readRecord(attempt.folder);
    if (attempt === null || record === null) throw unknownJob(id, "waiting or running");
    this.putAside.put(attempt.folder, record, CANCELLED);
  }
}

const idle = { failures: 0, worker: null, heartbeat_age_ms: null, progress: null, failure: null } as const;

const anyJob = { worker: "cancel", options: { max_dims: 2, min_volume: 1, shard: null }, merges: false } as const;

const CANCELLED = { code: "cancelled", message: "cancelled", hint: "`fold retry` lets it wait again" } as const;

function unknownJob(id: string, state: string): FoldError {
  return new FoldError("not_found", `no job ${id} is ${state}`, "`fold status` lists the jobs and their ids");
}
