import { unquote } from "./etag.ts";
import type { CallOptions, Place } from "./place.ts";
import { SHA256_KEY } from "./place.ts";
import { S3Error } from "./s3-error.ts";

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

/** The parts of an answer that describe an object. */
interface Described {
  readonly ContentLength?: number | undefined;
  readonly ETag?: string | undefined;
  readonly LastModified?: Date | undefined;
  readonly Metadata?: Record<string, string> | undefined;
}

/** What an answer tells about its object. */
export function infoOf({ ContentLength, ETag, LastModified, Metadata = {} }: Described): ObjectInfo {
  const sha256 = Metadata[SHA256_KEY] ?? "";
  return {
    size_bytes: ContentLength ?? 0,
    etag: unquote(ETag),
    modified_ms: LastModified?.getTime() ?? 0,
    metadata: Metadata,
    sha256: /^[0-9a-f]{64}$/.test(sha256) ? sha256 : null,
  };
}

/** What is known of an object; null where there is none, or no bucket. */
export async function head({ connection, bucket }: Place, key: string, options: CallOptions = {}) {
  try {
    return await connection.call<ObjectInfo>({
      action: "look at",
      subject: `${bucket}/${key}`,
      signal: options.signal,
      act: async ({ client, sdk, how }) =>
        infoOf(await client.send(new sdk.HeadObjectCommand({ Bucket: bucket, Key: key }), how)),
    });
  } catch (error) {
    if (error instanceof S3Error && error.status === 404) return null;
    throw error;
  }
}
