import { type FileHandle, open } from "node:fs/promises";
import { FoldError, fromSystemError } from "../errors.ts";
import { toBase64, unquote } from "./etag.ts";
import { type FileHashes, hashFile, readFully } from "./hash-file.ts";
import { head } from "./head.ts";
import { putParts } from "./multipart.ts";
import { type Place, SHA256_KEY, type TransferOptions, WRITER_KEY } from "./place.ts";
import { damaged, stopped } from "./s3-error.ts";

export interface PutFileOptions extends TransferOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  /** What the file must hold; FoldError `corrupt` where it does not. */
  readonly sha256?: string;
}

/** What was put. */
export interface PutFile {
  /** Without quotes. */
  readonly etag: string;
  readonly size_bytes: number;
  readonly sha256: string;
}

/**
 * Put a file under a key, whatever is there now: up to 32 MiB in one piece, larger ones in parts.
 *
 * The file is hashed first and sent then, with the hash of each part, which the other side compares: what arrives is what
 * was hashed, even if somebody writes to the file meanwhile. Takes the memory of a few parts.
 */
export async function putFile(place: Place, key: string, path: string, options: PutFileOptions = {}): Promise<PutFile> {
  const deed = { action: "write", subject: `${place.bucket}/${key}` };
  const file = await open(path, "r").catch((error: unknown) => {
    throw fromSystemError(error, "read the file", path);
  });
  try {
    const hashes = await hashFile(file, () => {
      if (options.signal?.aborted) throw stopped(deed);
    });
    if (options.sha256 !== undefined && options.sha256 !== hashes.sha256) {
      throw new FoldError("corrupt", `${path} does not hold what it should: its SHA-256 differs`, "make it again");
    }
    const metadata = { ...options.metadata, [SHA256_KEY]: hashes.sha256, [WRITER_KEY]: crypto.randomUUID() };
    if (hashes.md5s.length === 1) await putWhole(place, key, file, hashes, metadata, options);
    else await putParts(place, key, (part, from) => readFully(file, part, from), hashes, { ...options, metadata });
    return { etag: hashes.etag, size_bytes: hashes.size_bytes, sha256: hashes.sha256 };
  } catch (error) {
    throw fromSystemError(error, "read the file", path);
  } finally {
    // It was only read: there is nothing that closing could lose.
    await file.close().catch(() => {});
  }
}

async function putWhole(
  place: Place,
  key: string,
  file: FileHandle,
  { size_bytes, etag }: FileHashes,
  metadata: Readonly<Record<string, string>>,
  { signal, onProgress }: PutFileOptions,
): Promise<void> {
  const { connection, bucket } = place;
  const bytes = new Uint8Array(size_bytes);
  await readFully(file, bytes, 0);
  const deed = { action: "write", subject: `${bucket}/${key}` };
  await connection.call<true>({
    ...deed,
    signal,
    upload_bytes: size_bytes,
    act: async ({ client, sdk, how }) => {
      const command = new sdk.PutObjectCommand({
        Bucket: bucket,
        Key: key,
        // Not as a stream: Bun's sometimes stand still when the other side is slow.
        Body: bytes,
        ContentMD5: toBase64(etag),
        ContentType: "application/octet-stream",
        Metadata: metadata,
      });
      if (unquote((await client.send(command, how)).ETag) !== etag) throw damaged(deed, "another hash was stored");
      return true;
    },
    settle: async () => {
      const found = await head(place, key, { signal });
      return found?.etag === etag && found.metadata[WRITER_KEY] === metadata[WRITER_KEY] ? true : undefined;
    },
  });
  onProgress?.({ done_bytes: size_bytes, size_bytes });
}
