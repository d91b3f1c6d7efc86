import { FoldError } from "../../errors.ts";
import type { Bucket } from "../../s3/bucket.ts";
import { parsePartKey, partKey, partsOfJob } from "./keys.ts";

/** A part is a chunk of some MB. */
const MOST_BYTES = 1 << 30;

/** What running jobs have finished, in the bucket for that. Whose the job is must be known before. */
export class Parts {
  /** What was listed last: whoever reads all parts of a job lists them once. */
  private listed: { readonly of: string; readonly keys: Map<string, string> } | null = null;

  constructor(private readonly bucket: Bucket) {}

  async put(jobId: string, attempt: number, name: string, bytes: Uint8Array): Promise<void> {
    const key = partKey(jobId, attempt, name);
    await this.bucket.put(key, bytes);
    if (this.listed?.of === partsOf(jobId, attempt)) this.listed.keys.set(name, key);
  }

  /** The latest part of a name; null where there is none. */
  async get(jobId: string, attempt: number, name: string): Promise<Uint8Array | null> {
    const isListed = this.listed?.of === partsOf(jobId, attempt);
    const key = (isListed ? this.listed?.keys.get(name) : null) ?? (await this.latest(jobId, attempt)).get(name);
    if (key === undefined) return null;
    try {
      return (await this.bucket.get(key, MOST_BYTES)).bytes;
    } catch (error) {
      // The rule of the bucket takes what is old.
      if (error instanceof FoldError && error.code === "not_found") return null;
      throw error;
    }
  }

  async names(jobId: string, attempt: number): Promise<string[]> {
    const keys = await this.latest(jobId, attempt);
    this.listed = { of: partsOf(jobId, attempt), keys };
    return [...keys.keys()].sort();
  }

  /** Remove all parts of a job. */
  async clear(jobId: string): Promise<void> {
    const keys: string[] = [];
    for await (const page of this.bucket.list(partsOfJob(jobId))) for (const { key } of page) keys.push(key);
    if (keys.length > 0) await this.bucket.remove(keys);
  }

  /** The key of the latest part of each name; nothing from attempts after this one, which it cannot know of. */
  private async latest(jobId: string, attempt: number): Promise<Map<string, string>> {
    const keys = new Map<string, string>();
    for await (const page of this.bucket.list(partsOfJob(jobId))) {
      // In the order of their keys: those of later attempts come later.
      for (const { key } of page) {
        const part = parsePartKey(key);
        if (part !== null && part.attempt <= attempt) keys.set(part.name, key);
      }
    }
    return keys;
  }
}

function partsOf(jobId: string, attempt: number): string {
  return `${jobId} ${attempt}`;
}
