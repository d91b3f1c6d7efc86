import { type LiveKeys, liveKeys } from "../../db/live-keys.ts";
import type { Bucket } from "../../s3/bucket.ts";
import type { Listed } from "../../s3/list.ts";
import type { CloudParts } from "./cloud-parts.ts";
import { ARCHIVES, INPUTS, isArchiveKey, JOBS, parsePartKey, sha256OfInput } from "./keys.ts";

export interface GarbageOptions {
  /** What is younger stays: it may be an upload whose row is about to be written. */
  readonly grace_ms: number;
  /** Also texts that no unfinished job needs. */
  readonly inputs: boolean;
  readonly dryRun: boolean;
  readonly signal?: AbortSignal;
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

/** Keys of one page, as liveKeys wants them. */
type Candidates = Parameters<typeof liveKeys>[1];

/**
 * Delete the objects that no row names: what attempts that died have left.
 *
 * The buckets are listed first and the database is asked then, so an object that gets its row in between is found to be
 * needed. Only one whose row comes later still looks like garbage: that is what the grace is for, which must be longer
 * than an attempt takes from its upload to its completion.
 */
export async function collectGarbage(cloud: CloudParts, options: GarbageOptions): Promise<Garbage> {
  const { grace_ms, signal } = options;
  const collector = new Collector(cloud, options);
  const archives = await collector.sweep(cloud.results, ARCHIVES, {
    candidates: (keys) => ({ archiveKeys: keys, inputKeys: [], jobIds: [] }),
    isOurs: isArchiveKey,
    isLive: (key, live) => live.archiveKeys.has(key),
  });
  const parts = await collector.sweep(cloud.temp, JOBS, {
    candidates: (keys) => ({ archiveKeys: [], inputKeys: [], jobIds: [...new Set(keys.flatMap(jobIdOf))] }),
    isOurs: (key) => parsePartKey(key) !== null,
    isLive: (key, live) => jobIdOf(key).some((id) => live.jobIds.has(id)),
  });
  const texts = options.inputs
    ? await collector.sweep(cloud.input, INPUTS, {
        candidates: (keys) => ({ archiveKeys: [], inputKeys: keys, jobIds: [] }),
        isOurs: (key) => sha256OfInput(key) !== null,
        isLive: (key, live) => live.inputKeys.has(key),
      })
    : 0;
  const stale = { dryRun: options.dryRun, signal };
  const before_ms = cloud.now_ms() - grace_ms;
  const uploads =
    (await cloud.results.abortStaleUploads(ARCHIVES, before_ms, stale)) +
    (await cloud.temp.abortStaleUploads(JOBS, before_ms, stale)) +
    (await cloud.input.abortStaleUploads(INPUTS, before_ms, stale));
  return { archives, parts, texts, uploads, size_bytes: collector.size_bytes };
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
  isLive(key: string, live: LiveKeys): boolean;
}

class Collector {
  size_bytes = 0;

  constructor(
    private readonly cloud: CloudParts,
    private readonly options: GarbageOptions,
  ) {}

  /** Delete what is old and not live, page by page; how many there were. */
  async sweep(bucket: Bucket, prefix: string, kind: Kind): Promise<number> {
    const { grace_ms, dryRun, signal } = this.options;
    const database = await this.cloud.database();
    let count = 0;
    for await (const page of bucket.list(prefix, { signal })) {
      const now_ms = this.cloud.now_ms();
      const old = page.filter(({ key, modified_ms }) => kind.isOurs(key) && now_ms - modified_ms > grace_ms);
      if (old.length === 0) continue;
      const live = await liveKeys(database, kind.candidates(old.map(({ key }) => key)));
      const dead = old.filter(({ key }) => !kind.isLive(key, live));
      this.note(dead);
      count += dead.length;
      if (!dryRun && dead.length > 0)
        await bucket.remove(
          dead.map(({ key }) => key),
          { signal },
        );
    }
    return count;
  }

  private note(dead: readonly Listed[]): void {
    for (const { size_bytes } of dead) this.size_bytes += size_bytes;
  }
}
