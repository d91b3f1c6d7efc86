import { abortUpload } from "./multipart.ts";
import type { CallOptions, Place } from "./place.ts";
import { damaged, S3Error } from "./s3-error.ts";
import { decodeKey, elementsOf, isTruncated, readXml, textOf } from "./xml.ts";

/** A multipart upload that was begun and neither finished nor thrown away. */
export interface OpenUpload {
  readonly key: string;
  readonly id: string;
  readonly begun_ms: number;
}

export interface UploadListOptions extends CallOptions {
  /** Uploads a page, 1,000 at most. */
  readonly page?: number;
}

/**
 * The open uploads of a bucket whose keys start with a prefix, a page at a time.
 *
 * A page begins behind the last upload of the one before: what Ceph itself tells as the next key may be encoded or not.
 */
export async function* openUploads(
  { connection, bucket }: Place,
  prefix: string,
  { page = 1000, signal }: UploadListOptions = {},
): AsyncGenerator<readonly OpenUpload[]> {
  const deed = { action: "list the uploads of", subject: bucket };
  let last: OpenUpload | undefined;
  do {
    const markers = last === undefined ? {} : { "key-marker": last.key, "upload-id-marker": last.id };
    // XML cannot hold all that a key can.
    const query = { uploads: "", prefix, "encoding-type": "url", "max-uploads": String(page), ...markers };
    const { uploads, isLast } = await connection.call({
      ...deed,
      signal,
      act: async ({ send }) => {
        const answer = await readXml(await send({ method: "GET", bucket, query }), "ListMultipartUploadsResult", deed);
        const uploads = elementsOf(answer, "Upload").map((upload) => ({
          key: decodeKey(textOf(upload, "Key")),
          id: textOf(upload, "UploadId") ?? "",
          begun_ms: Date.parse(textOf(upload, "Initiated") ?? "") || 0,
        }));
        const isLast = !isTruncated(answer, deed);
        if (!isLast && uploads.length === 0) throw damaged(deed, "the answer is not whole");
        return { uploads, isLast };
      },
    });
    if (uploads.length > 0) yield uploads;
    last = isLast ? undefined : uploads.at(-1);
  } while (last !== undefined);
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
        if (!dryRun) await abortUpload(place, key, id, options);
        count++;
      } catch (error) {
        // Somebody else was faster, or it was completed.
        if (!(error instanceof S3Error && error.status === 404)) throw error;
      }
    }
  }
  return count;
}
