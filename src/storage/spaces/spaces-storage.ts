import { readdirSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { INTERNER } from "../../archive/manifest.ts";
import { Archive } from "../../archive/reader.ts";
import { FoldError, fromSystemError } from "../../errors.ts";
import { Bucket } from "../../s3/bucket.ts";
import { Cache } from "../../s3/cache.ts";
import { Connection } from "../../s3/connection.ts";
import { checkChunkName } from "../chunk-name.ts";
import { describeDecoded } from "../describe-archive.ts";
import type { ArchiveEntry, Attempt, JobEntry, JobFailure, JobProgress, JobWanted, Storage } from "../port.ts";
import { MAX_ATTEMPTS } from "../port.ts";
import { withTemporaryFolder } from "../temporary-folder.ts";
import { factsOf } from "./archive-facts.ts";
import { begin, entriesOf, owned } from "./attempts.ts";
import { InputBucket, type InputText } from "./input-bucket.ts";
import { newArchiveKey } from "./keys.ts";
import { listNamed } from "./listed-names.ts";
import { type AttemptState, attemptPath, MachineState } from "./machine-state.ts";
import type { ProcessLock } from "./process-lock.ts";
import { type ArchiveObject, inTurns, ResultArchives } from "./result-archives.ts";
import type { SpacesConfig } from "./spaces-config.ts";

/** An archive that an attempt has handed over. */
interface Written {
  readonly file: string;
  readonly entry: ArchiveEntry;
}

/**
 * S3 and nothing else: a worker is told which texts to fold, fetches one, folds it on its own disk, and uploads the
 * archive. Machines know nothing of each other. Two that fold the same text upload equal archives, and `fold collect`
 * keeps one.
 *
 * What the workers of one machine leave for each other is in MachineState: an attempt goes on from the folder of one
 * that was given back or whose process is gone, and never from one that is alive.
 */
export class SpacesStorage implements Storage {
  readonly place: string;
  readonly keepsFolders = true;
  readonly inputs: InputBucket;
  private readonly connection: Connection;
  private readonly archives: ResultArchives;
  private readonly folder: string;
  private readonly locks = new Map<string, ProcessLock>();
  /** The archives of attempts under way. */
  private readonly written = new WeakMap<Attempt, Written>();

  constructor(private readonly config: SpacesConfig) {
    const { spaces, buckets, cacheDir, cacheSize_bytes, options } = config;
    this.connection = new Connection(spaces);
    const cache = new Cache(join(cacheDir, "content"), cacheSize_bytes);
    // Not the endpoint: there may be two ways to one place, and another place's texts are other versions.
    const like = [buckets.input, buckets.results, options];
    this.inputs = new InputBucket(new Bucket(this.connection, buckets.input), cache, like);
    this.archives = new ResultArchives(new Bucket(this.connection, buckets.results), cache);
    this.folder = join(cacheDir, "spaces");
    this.place = `${new URL(spaces.endpoint).host}/${buckets.input}`;
  }

  async claimNextJob({ worker, id, most_bytes }: JobWanted): Promise<Attempt | null> {
    for (const key of await this.inOrder(id)) {
      if (await this.change((state) => state.isOurs(this.inputs.jobOf(key)))) continue;
      const text = await this.inputs.look(key);
      if (text === null || text.size_bytes > (most_bytes?.text ?? Infinity)) continue;
      const begun = await this.change((state) => begin(state, text, worker));
      if (begun !== null) return await this.prepare(begun, text);
    }
    return null;
  }

  /** The keys of a claim: what has come to no end here first, so that few have to be looked at. */
  private async inOrder(id: string | undefined): Promise<string[]> {
    const keys = this.config.inputs.filter((key) => id === undefined || this.inputs.jobOf(key) === id);
    if (keys.length < 2) return keys;
    const ended = await this.change((state) => {
      return keys.filter((key) => {
        const { done, failure } = state.job(this.inputs.jobOf(key));
        return done !== null || failure !== null;
      });
    });
    const hasEnded = new Set(ended);
    return [...keys.filter((key) => !hasEnded.has(key)), ...ended];
  }

  /** Bring the text to the attempt that has begun: from here on it needs no network until it is done. */
  private async prepare(begun: AttemptState, text: InputText): Promise<Attempt> {
    const { job: id, number } = begun;
    const folder = attemptPath(this.folder, id, number);
    try {
      if (begun.text_sha256 === null) {
        const text_sha256 = await this.inputs.fetch(text.key, sourcePath(folder));
        await this.change((state) => state.setAttempt({ ...begun, text_sha256 }));
      }
    } catch (error) {
      await this.change((state) => state.forget(begun));
      throw error;
    }
    const { name, size_bytes } = text;
    const { options } = this.config;
    return { id, kind: "text", name, number, worker: begun.worker ?? "", options, size_bytes, archives: [], folder };
  }

  /** Local: nobody else waits for a sign of life. */
  async heartbeat(attempt: Attempt, _progress: JobProgress): Promise<void> {
    await this.change((state) => owned(state, attempt));
  }

  /** Upload what was handed over. A second try overwrites the first one's. */
  async completeJob(attempt: Attempt): Promise<ArchiveEntry> {
    const mine = await this.change((state) => owned(state, attempt));
    const written = this.written.get(attempt);
    if (written === undefined) {
      throw new FoldError("failed", `job ${attempt.id} has no archive`, "write the archive before completing the job");
    }
    const { file, entry } = written;
    const archive_key = mine.archive_key ?? newArchiveKey(entry.name, new Date());
    // Known before anything is there: should this process end now, its successor uploads to the same key.
    await this.change((state) => state.setAttempt({ ...owned(state, attempt), archive_key }));
    const archive = await Archive.open(file);
    const { manifest } = archive;
    archive.close();
    const text = { input: this.keyOf(attempt.id), input_sha256: mine.text_sha256 ?? "" };
    await this.archives.put(archive_key, file, factsOf(manifest, entry.name, entry.tar_sha256, text));
    await this.change(async (state) => {
      const { version } = owned(state, attempt);
      state.setJob(attempt.id, { done: version, failures: 0, failure: null });
      for (const other of state.attempts(attempt.id)) {
        if (other.number === attempt.number || !(await state.isAlive(other))) state.forget(other);
      }
      state.tidy(attempt.id);
    });
    return await this.listedAs(entry);
  }

  /** An archive that was uploaded, with the number that others of its name leave it. */
  private async listedAs(entry: ArchiveEntry): Promise<ArchiveEntry> {
    try {
      const named = listNamed(await this.archives.named(entry.name));
      return named.find(({ tar_sha256 }) => tar_sha256 === entry.tar_sha256) ?? entry;
    } catch (error) {
      // The job is done. A key that may only write cannot look.
      if (error instanceof FoldError) return entry;
      throw error;
    }
  }

  async abandonJob(attempt: Attempt, keepsWork: boolean): Promise<void> {
    await this.change((state) => {
      const mine = owned(state, attempt);
      if (!keepsWork) return state.forget(mine);
      state.free(mine);
    });
  }

  async failJob(attempt: Attempt, { code, message, hint, isFinal }: JobFailure): Promise<boolean> {
    return await this.change((state) => {
      const mine = owned(state, attempt);
      const failures = state.job(attempt.id).failures + 1;
      const isAside = isFinal || failures >= MAX_ATTEMPTS;
      state.setJob(attempt.id, { failures, failure: isAside ? { code, message, hint } : null });
      if (isFinal) {
        state.forget(mine);
      } else {
        // An archive that could not be uploaded is still one.
        state.free(mine);
      }
      return isAside;
    });
  }

  async readText(attempt: Attempt): Promise<Uint8Array> {
    await this.heartbeat(attempt, { share: 0, orthos: 0 });
    return await readBytes(sourcePath(attempt.folder));
  }

  /** There are no merges to be claimed: nobody could keep two workers from taking the same archive. */
  async readArchives(attempt: Attempt): Promise<string[]> {
    await this.heartbeat(attempt, { share: 0, orthos: 0 });
    return [];
  }

  async writeArchive(attempt: Attempt, file: string): Promise<void> {
    await this.heartbeat(attempt, { share: 0, orthos: 0 });
    this.written.set(attempt, { file, entry: await describeDecoded(file) });
  }

  async openArchive(name: string, folder: string): Promise<string> {
    const object = await this.find(name);
    const path = join(folder, `${crypto.randomUUID()}.tar.zst`);
    await this.archives.fetch(object, path);
    return path;
  }

  async readInterner(name: string): Promise<Uint8Array> {
    const object = await this.find(name);
    return await withTemporaryFolder(async (folder) => {
      const path = join(folder, "archive.tar.zst");
      await this.archives.fetch(object, path);
      const archive = await Archive.open(path);
      try {
        for await (const [, bytes] of archive.members([archive.manifest.interner])) return bytes;
      } finally {
        archive.close();
      }
      throw new FoldError("corrupt", `archive ${name} has no ${INTERNER}`, "fold its text again");
    });
  }

  async listArchives(): Promise<ArchiveEntry[]> {
    return listNamed(await this.archives.all());
  }

  async spillChunk(attempt: Attempt, name: string, bytes: Uint8Array): Promise<void> {
    checkChunkName(name);
    await this.heartbeat(attempt, { share: 0, orthos: 0 });
    const path = join(chunksPath(attempt.folder), name);
    try {
      await mkdir(chunksPath(attempt.folder), { recursive: true });
      await writeFile(`${path}.tmp`, bytes);
      await rename(`${path}.tmp`, path);
    } catch (error) {
      await rm(`${path}.tmp`, { force: true });
      throw fromSystemError(error, "write a finished part to", path);
    }
  }

  async readChunk(attempt: Attempt, name: string): Promise<Uint8Array | null> {
    checkChunkName(name);
    await this.heartbeat(attempt, { share: 0, orthos: 0 });
    return namesIn(chunksPath(attempt.folder)).includes(name)
      ? await readBytes(join(chunksPath(attempt.folder), name))
      : null;
  }

  async listChunks(attempt: Attempt): Promise<string[]> {
    await this.heartbeat(attempt, { share: 0, orthos: 0 });
    return namesIn(chunksPath(attempt.folder))
      .filter((name) => !name.endsWith(".tmp"))
      .sort();
  }

  /** Free what killed processes of this machine have left, and remove what belongs to nobody. */
  async reclaimStale(): Promise<number> {
    return await this.change(async (state) => {
      let freed = 0;
      for (const job of new Set(this.config.inputs.map((key) => this.inputs.jobOf(key)))) {
        for (const attempt of state.attempts(job)) {
          if (attempt.worker === null || (await state.isAlive(attempt))) continue;
          // Being killed is no failure of the text.
          state.free(attempt);
          freed++;
        }
        state.tidy(job);
      }
      return freed;
    });
  }

  /** What this machine knows, and the bucket as it was seen last. */
  async listJobs(): Promise<JobEntry[]> {
    const texts = await inTurns(this.config.inputs, (key) => this.inputs.recall(key));
    const there = texts.filter((text) => text !== null);
    return await this.change(async (state) => {
      const entries: JobEntry[] = [];
      for (const text of there) entries.push(...(await entriesOf(state, text)));
      return entries;
    });
  }

  async retryJob(id: string): Promise<void> {
    await this.change((state) => {
      if (state.job(id).failure === null) throw noJob(id, "put aside");
      state.setJob(id, { failures: 0, failure: null });
    });
  }

  async cancelJob(id: string): Promise<void> {
    const [job] = (await this.listJobs()).filter((entry) => entry.id === id && entry.state !== "failed");
    const text = await this.inputs.recall(this.keyOf(id));
    if (job === undefined || text === null) throw noJob(id, "waiting or running");
    await this.change((state) => {
      const failure = { code: "cancelled", message: "it was cancelled", hint: "start a worker with it again" };
      state.setJob(id, { version: text.version, failure });
      for (const attempt of state.attempts(id)) state.forget(attempt);
    });
  }

  /**
   * Let all inputs wait, whatever became of them on this machine before: whoever names them wants them folded now.
   *
   * @throws FoldError `not_found` for one that is not there
   */
  async assign(): Promise<void> {
    for (const key of this.config.inputs) {
      if ((await this.inputs.look(key)) === null) throw this.inputs.noInput(key);
      await this.change((state) => {
        const job = this.inputs.jobOf(key);
        if (state.job(job).version !== null) state.setJob(job, { done: null, failures: 0, failure: null });
      });
    }
  }

  async close(): Promise<void> {
    for (const lock of this.locks.values()) lock.release();
    this.locks.clear();
    await this.connection.close();
  }

  private change<T>(act: (state: MachineState) => T | Promise<T>): Promise<T> {
    return MachineState.change(this.folder, this.locks, act);
  }

  private keyOf(job: string): string {
    return this.config.inputs.find((key) => this.inputs.jobOf(key) === job) ?? "";
  }

  private async find(name: string): Promise<ArchiveObject> {
    // A number behind the name may be ours.
    const bases = name === "" ? [] : [name, name.replace(/\.\d+$/, "")];
    for (const base of new Set(bases)) {
      const objects = await this.archives.named(base);
      const at = listNamed(objects).findIndex((entry) => entry.name === name);
      if (at >= 0) return objects[at] as ArchiveObject;
    }
    const hint = "`fold status --storage-backend spaces` lists them";
    throw new FoldError("not_found", `there is no archive ${JSON.stringify(name)}`, hint);
  }
}

function sourcePath(folder: string): string {
  return join(folder, "source.txt");
}

function chunksPath(folder: string): string {
  return join(folder, "chunks");
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Nothing was put aside yet.
    return [];
  }
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    throw fromSystemError(error, "read the file", path);
  }
}

function noJob(id: string, what: string): FoldError {
  return new FoldError(
    "not_found",
    `no job ${id} is ${what} here`,
    "jobs without coordination are known where they run",
  );
}
