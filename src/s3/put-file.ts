import { type FileHandle, open } from "node:fs/promises";
import { FoldError, fromSystemError } from "../errors.ts";
import { etagOfParts, md5Of, sha256Of } from "./etag.ts";
import { hashFile, readFully } from "./hash-file.ts";
import { putParts } from "./multipart.ts";
import { type CallOptions, type Place, SHA256_KEY, type TransferOptions, WRITER_KEY } from "./place.ts";
import { put } from "./put.ts";
import { stopped } from "./s3-error.ts";

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

/** Up to this size a file is put in one piece, which is in memory whole; beyond, four parts are. */
const MOST_WHOLE_BYTES = 32 << 20;

/**
 * Put a file under a key, whatever is there now: up to 32 MiB in one piece, larger ones in parts.
 *
 * A large file is hashed first and sent then, with the hash of each part, which the other side compares: what arrives is
 * what was hashed, even if somebody writes to the file meanwhile. Takes the memory of a few parts.
 */
export async function putFile(place: Place, key: string, path: string, options: PutFileOptions = {}): Promise<PutFile> {
  const file = await open(path, "r").catch((error: unknown) => {
    throw fromSystemError(error, "read the file", path);
  });
  try {
    const { size } = await file.stat();
    const send = size <= MOST_WHOLE_BYTES ? putWhole : putLarge;
    return await send(place, key, { file, path, size_bytes: size }, options);
  } catch (error) {
    throw fromSystemError(error, "read the file", path);
  } finally {
    // It was only read: there is nothing that closing could lose.
    await file.close().catch(() => {});
  }
}

interface OpenFile {
  readonly file: FileHandle;
  readonly path: string;
  readonly size_bytes: number;
}

async function putWhole(
  place: Place,
  key: string,
  { file, path, size_bytes }: OpenFile,
  { metadata, sha256: wanted, signal, onProgress }: PutFileOptions,
): Promise<PutFile> {
  const bytes = new Uint8Array(size_bytes);
  await readFully(file, bytes, 0);
  const sha256 = sha256Of(bytes);
  compare(sha256, wanted, path);
  const etag = await put(place, key, bytes, { sha256, signal, ...(metadata === undefined ? {} : { metadata }) });
  onProgress?.({ done_bytes: size_bytes, size_bytes });
  return { etag, size_bytes, sha256 };
}

async function putLarge(
  place: Place,
  key: string,
  { file, path, size_bytes }: OpenFile,
  options: PutFileOptions,
): Promise<PutFile> {
  const hashes = await hashFile(file, size_bytes, () => {
    if (options.signal?.aborted) throw stopped({ action: "write", subject: `${place.bucket}/${key}` });
  });
  compare(hashes.sha256, options.sha256, path);
  const metadata = { ...options.metadata, [SHA256_KEY]: hashes.sha256, [WRITER_KEY]: crypto.randomUUID() };
  await putParts(place, key, (part, from) => readFully(file, part, from), hashes, { ...options, metadata });
  return { etag: hashes.etag, size_bytes, sha256: hashes.sha256 };
}

/** Put bytes under a key as the only part of an upload in parts. */
export async function putInParts(
  place: Place,
  key: string,
  bytes: Uint8Array,
  options: CallOptions = {},
): Promise<void> {
  const md5s = [md5Of(bytes)];
  const sha256 = sha256Of(bytes);
  const hashes = { size_bytes: bytes.length, part_bytes: bytes.length, sha256, md5s, etag: etagOfParts(md5s) };
  const read = async (buffer: Uint8Array, from: number) => buffer.set(bytes.subarray(from, from + buffer.length));
  await putParts(place, key, read, hashes, { ...options, metadata: { [SHA256_KEY]: sha256 } });
}

function compare(sha256: string, wanted: string | undefined, path: string): void {
  if (wanted === undefined || wanted === sha256) return;
  throw new FoldError("corrupt", `${path} does not hold what it should: its SHA-256 differs`, "make it again");
}
