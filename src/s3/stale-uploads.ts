import { abortUpload } from "./multipart.ts";
import type { CallOptions, Place } from "./place.ts";
import { damaged, S3Error } from "./s3-error.ts";

/** A multipart upload that was begun and neither finished nor thrown away. */
export interface OpenUpload {
  readonly key: string;
  readonly id: string;
  readonly begun_ms: number;
}

/** The open uploads of a bucket whose keys start with a prefix, a page at a time. */
export async function* openUploads(
  { connection, bucket }: Place,
  prefix: string,
  { signal }: CallOptions = {},
): AsyncGenerator<readonly OpenUpload[]> {
  let after: { readonly KeyMarker: string; readonly UploadIdMarker: string } | null = null;
  do {
    const markers: object = after ?? {};
    const deed = { action: "list the uploads of", subject: bucket };
    const answer = await connection.call({
      ...deed,
      signal,
      act: async ({ client, sdk, how }) => {
        const command = new sdk.ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix, ...markers });
        const page = await client.send(command, how);
        if (page.IsTruncated && page.NextKeyMarker === undefined) throw damaged(deed, "the answer is not whole");
        return page;
      },
    });
    const uploads = (answer.Uploads ?? []).map(({ Key, UploadId, Initiated }) => ({
      key: Key ?? "",
      id: UploadId ?? "",
      begun_ms: Initiated?.getTime() ?? 0,
    }));
    if (uploads.length > 0) yield uploads;
    const { NextKeyMarker = "", NextUploadIdMarker = "" } = answer;
    after = answer.IsTruncated ? { KeyMarker: NextKeyMarker, UploadIdMarker: NextUploadIdMarker } : null;
  } while (after !== null);
}

export interface StaleOptions extends CallOptions {
  /** Only count them. */
  readonly dryRun?: boolean;
}

/**
 * Throw away what uploads have left that were begun before a point in time.
 *
 * @returns how many there were
 */
export async function abortStaleUploads(
  place: Place,
  prefix: string,
  before_ms: number,
  { dryRun = false, ...options }: StaleOptions = {},
): Promise<number> {
  let count = 0;
  for await (const page of openUploads(place, prefix, options)) {
    for (const { key, id, begun_ms } of page) {
      if (begun_ms >= before_ms) continue;
      try {
        if (!dryRun) await abortUpload(place, key, id);
        count++;
      } catch (error) {
        // Somebody else was faster, or it was completed.
        if (!(error instanceof S3Error && error.status === 404)) throw error;
      }
    }
  }
  return count;
}
