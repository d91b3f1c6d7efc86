import { join } from "node:path";
import type { WrittenArchive } from "../../archive/writer.ts";
import { FoldError } from "../../errors.ts";
import { Bucket } from "../../s3/bucket.ts";
import { Cache } from "../../s3/cache.ts";
import { Connection, type S3Options } from "../../s3/connection.ts";
import { checkDecoded, describeWritten } from "../describe-archive.ts";
import { mayBeThere } from "../may-be-there.ts";
import type {
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
import type { ProcessLock } from "../process-lock.ts";
import { listChunks, readBytes, readChunk, sourcePath, spillChunk } from "./attempt-files.ts";
import { entriesOf, owned } from "./attempts.ts";
import { Claims } from "./claims.ts";
import { InputBucket, type InputText } from "./input-bucket.ts";
import { newArchiveKey } from "./keys.ts";
import { ListedArchives } from "./listed-archives.ts";
import { MachineState } from "./machine-state.ts";
import { inTurns, ResultArchives } from "./result-archives.ts";
import type { SpacesConfig } from "./spaces-config.ts";
import { Unanswered } from "./unanswered.ts";

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
  private readonly results: Bucket;
  private readonly archives: ResultArchives;
  private readonly listed: ListedArchives;
  private readonly folder: string;
  private readonly locks = new Map<string, ProcessLock>();
  private readonly unanswered = new Unanswered();
  private readonly claims: Claims;
  /** The archives of attempts under way. */
  private readonly written = new WeakMap<Attempt, Written>();

  constructor(
    private readonly config: SpacesConfig,
    options: S3Options = {},
  ) {
    const { spaces, buckets, cacheDir, cacheSize_bytes } = config;
    this.connection = new Connection(spaces, options);
    const cache = new Cache(join(cacheDir, "content"), cacheSize_bytes);
    // Not the endpoint: there may be two ways to one place, and another place's texts are other versions.
    const like = [buckets.input, buckets.results, config.options];
    this.inputs = new InputBucket(new Bucket(this.connection, buckets.input), cache, like);
    this.results = new Bucket(this.connection, buckets.results);
    this.archives = new ResultArchives(this.results, cache);
    this.listed = new ListedArchives(this.archives);
    this.folder = join(cacheDir, "spaces");
    const { inputs, unanswered, folder } = this;
    this.claims = new Claims({ config, inputs, unanswered, folder, change: (act) => this.change(act) });
    this.place = `${new URL(spaces.endpoint).host}/${buckets.input}`;
  }

  claimNextJob(wanted: JobWanted): Promise<Attempt | null> {
    return this.claims.next(wanted);
  }

  /** Local: nobody else waits for a sign of life. */
  async heartbeat(attempt: Attempt, _progress: JobProgress): Promise<void> {
    await this.check(attempt);
  }

  /** @throws FoldError `lease_lost` */
  private async check(attempt: Attempt): Promise<void> {
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
    const text = { input: this.keyOf(attempt.id), input_sha256: mine.text_sha256 ?? "" };
    const isAgain = mine.archive_key !== null;
    const put = () => this.archives.put(archive_key, file, entry, text, { isAgain });
    await this.unanswered.over(this.results, archive_key, put);
    await this.change(async (state) => {
      const { version } = owned(state, attempt);
      state.setJob(attempt.id, { done: version, failures: 0, failure: null });
      for (const other of state.attempts(attempt.id)) {
        if (other.number === attempt.number || !(await state.isAlive(other))) state.forget(other);
      }
      state.tidy(attempt.id);
    });
    this.claims.end(attempt.id, mine.version);
    return await this.listedAs(entry);
  }

  private async listedAs(entry: ArchiveEntry): Promise<ArchiveEntry> {
    try {
      return await this.listed.listed(entry);
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
    await this.check(attempt);
    this.claims.checkText(attempt);
    return await readBytes(sourcePath(attempt.folder));
  }

  /** There are no merges to be claimed: nobody could keep two workers from taking the same archive. */
  async readArchives(attempt: Attempt): Promise<string[]> {
    await this.check(attempt);
    return [];
  }

  async writeArchive(attempt: Attempt, archive: WrittenArchive): Promise<void> {
    await this.check(attempt);
    const { path: file } = archive;
    const entry = describeWritten(archive);
    await checkDecoded(file, entry);
    this.written.set(attempt, { file, entry });
  }

  openArchive(name: string, folder: string): Promise<string> {
    return this.listed.open(name, folder);
  }

  readInterner(name: string): Promise<Uint8Array> {
    return this.listed.interner(name);
  }

  listArchives(): Promise<ArchiveEntry[]> {
    return this.listed.all();
  }

  /** Only whoever fetches an archive from Spaces finds out: `fold collect` does. */
  listDamaged(): DamagedArchive[] {
    return [];
  }

  async spillChunk(attempt: Attempt, name: string, bytes: Uint8Array): Promise<void> {
    await this.check(attempt);
    await spillChunk(attempt.folder, name, bytes);
  }

  async readChunk(attempt: Attempt, name: string): Promise<Uint8Array | null> {
    await this.check(attempt);
    return await readChunk(attempt.folder, name);
  }

  async listChunks(attempt: Attempt): Promise<string[]> {
    await this.check(attempt);
    return listChunks(attempt.folder);
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
    const there = texts.filter((text) => text !== null && !this.claims.isDone(text)) as InputText[];
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
   * @throws FoldError `not_found` for one that is not there, and for a missing bucket for results: better now than when all
   * is folded
   */
  async assign(): Promise<void> {
    if (!(await mayBeThere(this.results))) {
      const hint = "check DO_SPACES_BUCKET_RESULTS; `fold setup` makes the buckets";
      throw new FoldError("not_found", `there is no bucket ${this.results.name}`, hint);
    }
    for (const key of this.config.inputs) {
      if ((await this.inputs.look(key)) === null) throw this.inputs.noInput(key);
      await this.change((state) => {
        const job = this.inputs.jobOf(key);
        if (state.job(job).version !== null) state.setJob(job, { done: null, failures: 0, failure: null });
      });
    }
  }

  close(): void {
    for (const lock of this.locks.values()) lock.release();
    this.locks.clear();
  }

  private change<T>(act: (state: MachineState) => T | Promise<T>): Promise<T> {
    return MachineState.change(this.folder, this.locks, act);
  }

  private keyOf(job: string): string {
    return this.config.inputs.find((key) => this.inputs.jobOf(key) === job) ?? "";
  }
}

function noJob(id: string, what: string): FoldError {
  return new FoldError(
    "not_found",
    `no job ${id} is ${what} here`,
    "jobs without coordination are known where they run",
  );
}
