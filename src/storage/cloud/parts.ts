import type { Bucket } from "../../s3/bucket.ts";
import { parsePartKey, partKey, partsOfJob } from "./keys.ts";

/** A part is a chunk of some MB. */
const MOST_BYTES = 1 << 30;

/** What running jobs have finished, in the bucket for that. Whose the job is must be known before. */
export class Parts {
  constructor(private readonly bucket: Bucket) {}

  async put(jobId: string, attempt: number, name: string, bytes: Uint8Array): Promise<void> {
    await this.bucket.put(partKey(jobId, attempt, name), bytes);
  }

  /** The latest part of a name; null where there is none. */
  async get(jobId: string, attempt: number, name: string): Promise<Uint8Array | null> {
    const key = (await this.latest(jobId, attempt)).get(name);
    return key === undefined ? null : (await this.bucket.get(key, MOST_BYTES)).bytes;
  }

  async names(jobId: string, attempt: number): Promise<string[]> {
    return [...(await this.latest(jobId, attempt)).keys()].sort();
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
