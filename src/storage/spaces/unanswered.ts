import { FoldError } from "../../errors.ts";
import type { Bucket } from "../../s3/bucket.ts";
import { mayBeThere } from "../may-be-there.ts";

/** With the pauses that workers make in between, some minutes. */
const MOST = 10;

/**
 * Tells an object that is never answered from a bucket that is away. A bucket is waited for, as long as that may take; for
 * an object that always answers with an error nobody could wait long enough.
 */
export class Unanswered {
  /** How often in a row, by the keys. */
  private readonly counts = new Map<string, number>();

  /**
   * Do something with an object.
   *
   * @throws FoldError `unreachable` as it comes; `failed` where that has happened ten times in a row for this object, each
   *   time while its bucket was there
   */
  async over<T>(bucket: Bucket, key: string, act: () => Promise<T>): Promise<T> {
    const place = `${bucket.name}/${key}`;
    try {
      const result = await act();
      this.counts.delete(place);
      return result;
    } catch (error) {
      if (!(error instanceof FoldError && error.code === "unreachable") || !(await isAnswering(bucket))) throw error;
      const count = (this.counts.get(place) ?? 0) + 1;
      this.counts.set(place, count);
      if (count < MOST) throw error;
      const message = `${error.message}, ${count} times in a row, and its bucket was there`;
      const hint = "the object or the right to it may be broken: look at it with another program; nothing done is lost";
      throw new FoldError("failed", message, hint, error);
    }
  }
}

async function isAnswering(bucket: Bucket): Promise<boolean> {
  try {
    return await mayBeThere(bucket);
  } catch (error) {
    if (error instanceof FoldError) return false;
    throw error;
  }
}
