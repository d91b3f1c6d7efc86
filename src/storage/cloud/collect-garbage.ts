import type { Client } from "../../db/database.ts";
import { fleetIdentity } from "../../db/fleet-identity.ts";
import { type LiveKeys, liveKeys } from "../../db/live-keys.ts";
import { whileNobodySubmits } from "../../db/submit-jobs.ts";
import { FoldError } from "../../errors.ts";
import type { Listed } from "../../s3/list.ts";
import type { Buckets } from "./cloud-config.ts";
import type { CloudParts } from "./cloud-parts.ts";
import { ARCHIVES, INPUTS, isArchiveKey, JOBS, parsePartKey, prefixes, sha256OfInput } from "./keys.ts";
import { checkAlone, type OwnershipOptions, ownBuckets } from "./ownership.ts";

export interface GarbageOptions extends OwnershipOptions {
  /** What is younger stays, whatever it is. */
  readonly grace_ms: number;
  /** Also texts that no unfinished job needs. */
  readonly inputs: boolean;
}

/** What was found, and deleted unless it was a dry run. */
export interface Garbage {
  readonly archives: number;
  readonly parts: number;
  readonly texts: number;
  /** Multipart uploads that nobody has finished. */
  readonly uploads: number;
  readonly size_bytes: number;
}

/** Times of objects and of attempts come from two clocks, and those of objects in whole seconds. */
const ACCURACY_MS = 5_000;

/** Keys of one page, as liveKeys wants them. */
type Candidates = Parameters<typeof liveKeys>[1];

/**
 * Delete the objects that no row names: what attempts that died have left.
 *
 * The buckets are listed first and the database is asked then, so an object that gets its row in between is found to be
 * needed. One whose row comes later still is an attempt's that is under way, and younger than that; or it is a text, and
 * its submission looks for it once more when there are jobs that need it. Texts are removed while nobody can submit any,
 * or such a look could come too early.
 *
 * What another database names must not be there at all: see ownBuckets. Who signs a bucket only now is found, too, when a
 * page was listed and is about to be deleted: whatever is in it came after its signature.
 *
 * @throws FoldError `conflict` where another database is at work in the buckets, or this one has never had a job: then
 * what is in them cannot be its own
 */
export async function collectGarbage(cloud: CloudParts, options: GarbageOptions): Promise<Garbage> {
  const { grace_ms, signal } = options;
  const { hasJobs } = await fleetIdentity(await cloud.database());
  await ownBuckets(cloud, hasJobs, options);
  const collector = new Collector(cloud, options, hasJobs);
  const archives = await collector.sweep("results", {
    candidates: (keys) => ({ archiveKeys: keys, inputKeys: [], jobIds: [] }),
    isOurs: isArchiveKey,
    isLive: (key, age_ms, live) => live.archiveKeys.has(key) || age_ms < graceOf(live),
  });
  const parts = await collector.sweep("temp", {
    candidates: (keys) => ({ archiveKeys: [], inputKeys: [], jobIds: [...new Set(keys.flatMap(jobIdOf))] }),
    isOurs: (key) => parsePartKey(key) !== null,
    isLive: (key, _, live) => jobIdOf(key).some((id) => live.jobIds.has(id)),
  });
  const texts = options.inputs
    ? await collector.sweep("input", {
        candidates: (keys) => ({ archiveKeys: [], inputKeys: keys, jobIds: [] }),
        isOurs: (key) => sha256OfInput(key) !== null,
        isLive: (key, _, live) => live.inputKeys.has(key),
      })
    : 0;
  const stale = { dryRun: options.dryRun, signal };
  const before_ms = cloud.now_ms() - grace_ms;
  const ofAttempts_ms = Math.min(before_ms, await collector.underWaySince_ms());
  const uploads =
    (await cloud.results.abortStaleUploads(ARCHIVES, ofAttempts_ms, stale)) +
    (await cloud.temp.abortStaleUploads(JOBS, ofAttempts_ms, stale)) +
    (await cloud.input.abortStaleUploads(INPUTS, before_ms, stale));
  return { archives, parts, texts, uploads, size_bytes: collector.size_bytes };
}

/** What is younger may have been uploaded by an attempt that is under way. */
function graceOf({ underWay_ms }: LiveKeys): number {
  return underWay_ms === null ? 0 : underWay_ms + ACCURACY_MS;
}

function jobIdOf(key: string): string[] {
  const part = parsePartKey(key);
  return part === null ? [] : [part.jobId];
}

/** How to tell what is needed below a prefix. */
interface Kind {
  /** Whether fold makes such keys: what others keep in the bucket is not ours to judge. */
  isOurs(key: string): boolean;
  candidates(keys: readonly string[]): Candidates;
  isLive(key: string, age_ms: number, live: LiveKeys): boolean;
}

/** With the URL of another database, or of one that was lost and made anew, all that a fleet has would be garbage. */
function anothers(bucket: string, place: string): FoldError {
  return new FoldError(
    "conflict",
    `the bucket ${bucket} is not that of database ${place}, which has never had a job: nothing was deleted`,
    "check DATABASE_URL and the names of the buckets; what is nobody's can be removed by other means",
  );
}

class Collector {
  size_bytes = 0;

  constructor(
    private readonly cloud: CloudParts,
    private readonly options: GarbageOptions,
    private readonly hasJobs: boolean,
  ) {}

  /** Delete what is old and not live, page by page; how many there were. */
  async sweep(use: keyof Buckets, kind: Kind): Promise<number> {
    const { grace_ms, signal } = this.options;
    const bucket = this.cloud[use];
    const database = await this.cloud.database();
    let count = 0;
    for await (const page of bucket.list(prefixes[use], { signal })) {
      const now_ms = this.cloud.now_ms();
      const old = page
        .map((listed) => ({ ...listed, age_ms: now_ms - listed.modified_ms }))
        .filter(({ key, age_ms }) => kind.isOurs(key) && age_ms > grace_ms);
      if (old.length === 0) continue;
      const candidates = kind.candidates(old.map(({ key }) => key));
      const deadOf = async (sql: Client): Promise<readonly Listed[]> => {
        const live = await liveKeys(sql, candidates);
        const dead = old.filter(({ key, age_ms }) => !kind.isLive(key, age_ms, live));
        if (dead.length > 0 && !this.hasJobs) throw anothers(bucket.name, database.place);
        return dead;
      };
      const dead =
        candidates.inputKeys.length > 0
          ? await whileNobodySubmits(database, async (sql) => await this.remove(use, await deadOf(sql)))
          : await this.remove(use, await database.ask(deadOf));
      this.note(dead);
      count += dead.length;
    }
    return count;
  }

  /** Since when the oldest of the attempts is under way, by the clock of the buckets. */
  async underWaySince_ms(): Promise<number> {
    const now_ms = this.cloud.now_ms();
    const nothing = { archiveKeys: [], inputKeys: [], jobIds: [] };
    const database = await this.cloud.database();
    const live = await database.ask((sql) => liveKeys(sql, nothing));
    return live.underWay_ms === null ? now_ms : now_ms - graceOf(live);
  }

  private async remove(use: keyof Buckets, dead: readonly Listed[]): Promise<readonly Listed[]> {
    const { dryRun, signal } = this.options;
    if (dryRun || dead.length === 0) return dead;
    await checkAlone(this.cloud, use, { signal });
    await this.cloud[use].remove(
      dead.map(({ key }) => key),
      { signal },
    );
    return dead;
  }

  private note(dead: readonly Listed[]): void {
    for (const { size_bytes } of dead) this.size_bytes += size_bytes;
  }
}
