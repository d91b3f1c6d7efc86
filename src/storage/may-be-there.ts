import { FoldError } from "../errors.ts";
import type { Bucket } from "../s3/bucket.ts";

/** Whether a bucket is there. A key that may not look at it may still be good for the objects in it. */
export async function mayBeThere(bucket: Bucket): Promise<boolean> {
  try {
    return await bucket.exists();
  } catch (error) {
    if (error instanceof FoldError && error.code === "refused") return true;
    throw error;
  }
}
