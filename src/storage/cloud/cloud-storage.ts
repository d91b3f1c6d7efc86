import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { WrittenArchive } from "../../archive/writer.ts";
import { abandonJob } from "../../db/abandon-job.ts";
import { cancelJob } from "../../db/cancel-job.ts";
import { completedBy, completeJob } from "../../db/complete-job.ts";
import { parseAddress } from "../../db/connection.ts";
import type { FirstContact } from "../../db/contact.ts";
import { type Database, placeOf } from "../../db/database.ts";
import { failJob } from "../../db/fail-job.ts";
import { heartbeat } from "../../db/heartbeat.ts";
import { attemptsUnderWay, leasedJob } from "../../db/leased-job.ts";
import { getArchive, listArchives, listDamaged } from "../../db/list-archives.ts";
import { listJobs } from "../../db/list-jobs.ts";
import { markDamaged } from "../../db/mark-damaged.ts";
import { reclaimStale } from "../../db/reclaim-stale.ts";
import { GONE, retryJob } from "../../db/retry-job.ts";
import type { ArchiveRow, ClaimedJob } from "../../db/rows.ts";
import { FoldError, fromSystemError } from "../../errors.ts";
import { LEAST_CACHED_BYTES } from "../../s3/cache.ts";
import { sha256Of } from "../../s3/etag.ts";
import { checkChunkName } from "../chunk-name.ts";
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
import { AttemptFolders, removeFolder } from "./attempt-folders.ts";
import { BucketArchives, type Uploaded } from "./bucket-archives.ts";
import { Claims } from "./claims.ts";
import type { CloudConfig } from "./cloud-config.ts";
import { CloudParts } from "./cloud-parts.ts";
import { sha256OfInput } from "./keys.ts";
import { Parts } from "./parts.ts";
import { keyOf, toArchiveEntry, toJobEntry, toNewArchive } from "./rows.ts";

const HINT_OF_DAMAGED = "`fold archives rm` it, and submit its text again";

/**
 * The storage of a fleet: PostgreSQL says whose a job is, S3 holds the bytes.
 *
 * What is in the buckets counts only through rows, so the order is always: first the object, then the row that names
 * it; first the row that no longer does, then the object is removed. What a crash leaves in between is an object that
 * nobody needs, which `fold gc` removes.
 */
export class CloudStorage implements Storage {
  readonly place: string;
  readonly keepsFolders = false;
  private readonly cloud: CloudParts;
  private readonly parts: Parts;
  private readonly archives: BucketArchives;
  private readonly folders: AttemptFolders;
  private readonly claims = new Claims();
  private hasBuckets = false;
  /** The archives of attempts under way. */
  private readonly written = new WeakMap<Attempt, Uploaded>();
  /** Attempts that have put parts into the bucket. */
  private readonly spilled = new WeakSet<Attempt>();

  /** @param contact as of CloudParts */
  constructor(
    private readonly config: CloudConfig,
    contact: FirstContact = {},
  ) {
    this.cloud = new CloudParts(config, contact);
    this.parts = new Parts(this.cloud.temp);
    this.archives = new BucketArchives(this.cloud.results, this.cloud.cache);
    this.place = placeOf(parseAddress(config.databaseUrl));
    this.folders = new AttemptFolders(config.cacheDir, this.place);
  }

  async claimNextJob(wanted: JobWanted): Promise<Attempt | null> {
    const database = await this.cloud.database();
    if (!this.hasBuckets) {
      await this.cloud.checkBuckets();
      // A role that may not know that could upload nothing: better told before there is a job.
      await this.cloud.signer();
    }
    this.hasBuckets = true;
    return await this.attemptOf(database, await this.claims.next(database, wanted));
  }

  /** The attempt at a job, with its folder; where that cannot be made, the job is for somebody else. */
  private async attemptOf(database: Database, job: ClaimedJob | null): Promise<Attempt | null> {
    if (job === null) return null;
    let folder: string;
    try {
      folder = this.folders.make(job.jobId, job.attempt);
    } catch (error) {
      await abandonJob(database, job);
      throw error;
    }
    const { jobId: id, workerId: worker, attempt: number, name, options, size_bytes, archives } = job;
    return {
      id,
      kind: job.jobType === "archive_merge" ? "merge" : "text",
      name,
      number,
      worker,
      options,
      size_bytes,
      archives: archives.map((archive) => archive.name),
      folder,
    };
  }

  async heartbeat(attempt: Attempt, progress: JobProgress): Promise<void> {
    await heartbeat(await this.cloud.database(), keyOf(attempt), progress);
  }

  async completeJob(attempt: Attempt): Promise<ArchiveEntry> {
    const database = await this.cloud.database();
    const written = this.written.get(attempt);
    if (written === undefined) {
      await this.check(database, attempt);
      throw new FoldError("failed", `job ${attempt.id} has no archive`, "write the archive before completing the job");
    }
    const { name, unneeded } = await this.complete(database, attempt, written);
    this.written.delete(attempt);
    await this.tidy(attempt, unneeded);
    return { ...written.entry, name };
  }

  /**
   * An earlier call may have completed the job without being told, when the database went away in that moment: whoever
   * asks again then has lost the lease to itself. What was merged stays for `fold gc` in that case.
   */
  private async complete(database: Database, attempt: Attempt, { entry, key }: Uploaded) {
    const archive = toNewArchive(entry, key);
    try {
      const used = attempt.kind === "merge" ? (await leasedJob(database, keyOf(attempt))).archives : [];
      const { name, isNew } = await completeJob(database, keyOf(attempt), archive);
      return { name, unneeded: [...used.map(({ s3Key }) => s3Key), ...(isNew ? [] : [key])] };
    } catch (error) {
      const isLost = error instanceof FoldError && error.code === "lease_lost";
      const done = isLost ? await completedBy(database, keyOf(attempt), archive) : null;
      if (done === null) throw error;
      return { name: done.name, unneeded: done.isNew ? [] : [key] };
    }
  }

  /** Remove what a completed job has used up. It is done, whatever comes of this: `fold gc` removes what stays. */
  private async tidy(attempt: Attempt, archiveKeys: readonly string[]): Promise<void> {
    removeFolder(attempt.folder);
    const mayHaveParts = attempt.number > 1 || this.spilled.has(attempt);
    await Promise.allSettled([mayHaveParts && this.parts.clear(attempt.id), this.archives.remove(archiveKeys)]);
  }

  async abandonJob(attempt: Attempt, keepsWork: boolean): Promise<void> {
    const database = await this.cloud.database();
    if (!keepsWork) {
      await this.check(database, attempt);
      // A part that cannot be removed is in nobody's way: it is the job that has to be free.
      await this.parts.clear(attempt.id).catch(() => {});
    }
    await abandonJob(database, keyOf(attempt));
    removeFolder(attempt.folder);
  }

  async failJob(attempt: Attempt, { code, message, hint, isFinal }: JobFailure): Promise<boolean> {
    const database = await this.cloud.database();
    const isAside = await failJob(database, keyOf(attempt), { code, message, hint }, isFinal, MAX_ATTEMPTS);
    removeFolder(attempt.folder);
    return isAside;
  }

  async readText(attempt: Attempt): Promise<Uint8Array> {
    const { inputPath, size_bytes } = await leasedJob(await this.cloud.database(), keyOf(attempt));
    const { input, cache } = this.cloud;
    const sha256 = sha256OfInput(inputPath);
    if (size_bytes < LEAST_CACHED_BYTES || sha256 === null) {
      const { bytes } = await input.get(inputPath, size_bytes);
      if (sha256 === null || sha256Of(bytes) === sha256) return bytes;
      const hint = "somebody has put another text in its place: submit the text again";
      throw new FoldError("corrupt", `${inputPath} in the bucket ${input.name} is not the text of this name`, hint);
    }
    const path = join(attempt.folder, "source.txt");
    await cache.take(
      sha256,
      path,
      async () => void (await input.getFile(inputPath, path, { sha256, isToSync: false })),
    );
    return await readBytes(path);
  }

  async readArchives(attempt: Attempt): Promise<string[]> {
    const { archives } = await leasedJob(await this.cloud.database(), keyOf(attempt));
    const paths = archives.map((_, number) => join(attempt.folder, `input-${number}.tar.zst`));
    for (const [number, archive] of archives.entries()) {
      await this.fetch(archive, paths[number]).catch((error) => this.noteGone(archive, archives, error));
    }
    return paths;
  }

  /**
   * An archive that is not in the bucket would end every merge with it. It is gone where others of its merge are there;
   * else it may be the name of the bucket that is wrong.
   */
  private async noteGone(row: ArchiveRow, all: readonly ArchiveRow[], error: unknown): Promise<never> {
    if (!(error instanceof FoldError && error.code === "not_found")) throw error;
    if (!(await this.archives.hasAny(all))) throw error;
    await markDamaged(await this.cloud.database(), row.id);
    throw new FoldError("corrupt", `the archive ${row.name} is not in the bucket any more`, HINT_OF_DAMAGED, error);
  }

  async writeArchive(attempt: Attempt, archive: WrittenArchive): Promise<void> {
    await this.check(await this.cloud.database(), attempt);
    await this.cloud.sign("results");
    const earlier = this.written.get(attempt);
    this.written.set(attempt, await this.archives.upload(archive));
    if (earlier !== undefined) await this.archives.remove([earlier.key]);
  }

  async openArchive(name: string, folder: string): Promise<string> {
    const row = await this.find(name);
    const path = join(folder, `${row.id}.tar.zst`);
    await this.fetch(row, path);
    return path;
  }

  async readInterner(name: string): Promise<Uint8Array> {
    return await this.archives.interner(await this.find(name));
  }

  async listArchives(): Promise<ArchiveEntry[]> {
    const database = await this.cloud.database();
    const entries: ArchiveEntry[] = [];
    for (let after = ""; ; after = entries.at(-1)?.name ?? "") {
      const page = await listArchives(database, { after });
      if (page.length === 0) return entries;
      entries.push(...page.map(toArchiveEntry));
    }
  }

  async listDamaged(): Promise<DamagedArchive[]> {
    const names = await listDamaged(await this.cloud.database());
    return names.map((name) => ({ name, error: damaged(name) }));
  }

  async spillChunk(attempt: Attempt, name: string, bytes: Uint8Array): Promise<void> {
    checkChunkName(name);
    await this.check(await this.cloud.database(), attempt);
    await this.cloud.sign("temp");
    this.spilled.add(attempt);
    await this.parts.put(attempt.id, attempt.number, name, bytes);
  }

  async readChunk(attempt: Attempt, name: string): Promise<Uint8Array | null> {
    checkChunkName(name);
    await this.check(await this.cloud.database(), attempt);
    return await this.parts.get(attempt.id, attempt.number, name);
  }

  async listChunks(attempt: Attempt): Promise<string[]> {
    await this.check(await this.cloud.database(), attempt);
    return await this.parts.names(attempt.id, attempt.number);
  }

  async reclaimStale(): Promise<number> {
    const database = await this.cloud.database();
    const count = await reclaimStale(database, this.config.grace_ms, MAX_ATTEMPTS);
    // Listed before the question: what is claimed in between is not in it.
    const folders = this.folders.list();
    const underWay = await attemptsUnderWay(database, [...new Set(folders.map(({ jobId }) => jobId))]);
    for (const { jobId, attempt, path } of folders) if (underWay.get(jobId) !== attempt) removeFolder(path);
    return count;
  }

  async listJobs(): Promise<JobEntry[]> {
    const database = await this.cloud.database();
    const jobs: JobEntry[] = [];
    for (let after = 0; ; ) {
      const page = await listJobs(database, { after });
      if (page.length === 0) return jobs;
      jobs.push(...page.map(toJobEntry));
      after = page.at(-1)?.position ?? after;
    }
  }

  async retryJob(id: string): Promise<void> {
    if (await retryJob(await this.cloud.database(), id)) return;
    const hint = `it is over; \`fold jobs ${id}\` tells its attempts, and its other archives are free for other merges`;
    throw new FoldError("not_found", `job ${id} cannot be tried again: ${GONE}`, hint);
  }

  async cancelJob(id: string): Promise<void> {
    await cancelJob(await this.cloud.database(), id);
  }

  async close(): Promise<void> {
    await this.cloud.close();
  }

  /** @throws FoldError `lease_lost` */
  private async check(database: Database, attempt: Attempt): Promise<void> {
    await heartbeat(database, keyOf(attempt), null);
  }

  private async find(name: string): Promise<ArchiveRow> {
    const archive = await getArchive(await this.cloud.database(), name);
    if (archive !== null) return archive;
    throw new FoldError("not_found", `there is no archive ${JSON.stringify(name)}`, "`fold archives` lists them");
  }

  private async fetch(row: ArchiveRow, path: string): Promise<void> {
    try {
      await this.archives.fetch(row, path);
    } catch (error) {
      // Whoever merges next need not try it again. Who only reads may not note that, and is to be told of the archive.
      if (error instanceof FoldError && error.code === "corrupt")
        await markDamaged(await this.cloud.database(), row.id).catch(() => {});
      throw error;
    }
  }
}

function damaged(name: string): FoldError {
  const what = `the archive ${name} is not in the bucket, or something else is in its place`;
  return new FoldError("corrupt", what, HINT_OF_DAMAGED);
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw fromSystemError(error, "read the text", path);
  }
}
