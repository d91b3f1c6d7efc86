import { unquote } from "./etag.ts";
import type { CallOptions, Place } from "./place.ts";
import { SHA256_KEY } from "./place.ts";
import { type Deed, damaged, S3Error } from "./s3-error.ts";

const META = "x-amz-meta-";

/** What is known of an object without reading it. */
export interface ObjectInfo {
  readonly size_bytes: number;
  /** Without quotes. */
  readonly etag: string;
  readonly modified_ms: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** As whoever put it there said; null where nobody did. */
  readonly sha256: string | null;
}

/**
 * What an answer tells about its object.
 *
 * @throws S3Error `corrupt`, transient, for one of somebody who knows no objects: a page of something in between
 */
export function infoOf({ headers }: Response, deed: Deed): ObjectInfo {
  const [length, tag] = [headers.get("content-length") ?? "", headers.get("etag") ?? ""];
  // Each object has both. No length is not the length 0, and without an ETag nothing that is read could be compared.
  if (!/^\d+$/.test(length) || tag === "") throw damaged(deed, "the answer does not tell what the object is");
  const metadata = Object.fromEntries(
    [...headers].filter(([name]) => name.startsWith(META)).map(([name, value]) => [name.slice(META.length), value]),
  );
  const sha256 = metadata[SHA256_KEY] ?? "";
  return {
    size_bytes: Number(length),
    etag: unquote(tag),
    modified_ms: Date.parse(headers.get("last-modified") ?? "") || 0,
    metadata,
    sha256: /^[0-9a-f]{64}$/.test(sha256) ? sha256 : null,
  };
}

/** The headers that carry an object's metadata. */
export function headersOf(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [META + name, value]));
}

/** What is known of an object; null where there is none, or no bucket. */
export async function head({ connection, bucket }: Place, key: string, options: CallOptions = {}) {
  const deed = { action: "look at", subject: `${bucket}/${key}` };
  try {
    return await connection.call<ObjectInfo>({
      ...deed,
      signal: options.signal,
      act: async ({ send }) => infoOf(await send({ method: "HEAD", bucket, key }), deed),
    });
  } catch (error) {
    if (error instanceof S3Error && error.status === 404) return null;
    throw error;
  }
}

/**
 * The same where it only saves work: a key that may write and not list is not told whether there is nothing, which counts
 * as nothing.
 */
export async function headWhereAllowed(place: Place, key: string, options: CallOptions = {}) {
  try {
    return await head(place, key, options);
  } catch (error) {
    if (error instanceof S3Error && error.code === "refused") return null;
    throw error;
  }
}
