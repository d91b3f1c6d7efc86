import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { type FoldErrorCode, fromSystemError } from "../errors.ts";
import { isMd5 } from "./etag.ts";
import { getRanges } from "./get-ranges.ts";
import { head, type ObjectInfo } from "./head.ts";
import type { Place, TransferOptions } from "./place.ts";
import { damaged, S3Error, stopped } from "./s3-error.ts";

export interface GetFileOptions extends TransferOptions {
  /** What the object must hold; without it, what its metadata says. */
  readonly sha256?: string;
}

/** A file that was fetched. */
export interface GotFile {
  readonly info: ObjectInfo;
  /** By what the content was found to be whole, besides its length; null where nothing else is known of the object. */
  readonly verifiedBy: "sha256" | "md5" | null;
}

/** How often a download is begun anew when the object changed or the bytes were wrong. */
const TRIES = 3;
const PIECE_BYTES = 1 << 20;

/**
 * Fetch an object into a file, which appears under its name when it is whole, compared and on the disk.
 *
 * A connection that breaks is taken up where it broke, as long as the object stays the same. Takes memory for the pieces
 * on their way and no more.
 *
 * @throws S3Error `not_found`; `corrupt` when no try gave the right bytes; FoldError `no_space`
 */
export async function getFile(place: Place, key: string, path: string, options: GetFileOptions = {}): Promise<GotFile> {
  for (let tried = 1; ; tried++) {
    try {
      return await getOnce(place, key, path, options);
    } catch (error) {
      const codes: readonly FoldErrorCode[] = ["conflict", "corrupt"];
      if (tried === TRIES || !(error instanceof S3Error && codes.includes(error.code))) throw error;
    }
  }
}

async function getOnce(place: Place, key: string, path: string, options: GetFileOptions): Promise<GotFile> {
  const deed = { action: "read", subject: `${place.bucket}/${key}` };
  const info = await head(place, key, options);
  if (info === null) {
    throw new S3Error("not_found", `cannot read ${deed.subject}: there is none`, "check the name", 404, false);
  }
  if (options.sha256 !== undefined && info.sha256 !== null && options.sha256 !== info.sha256) {
    throw damaged(deed, "it is not what was asked for: its SHA-256 is another");
  }
  const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  try {
    const file = await open(temporary, "wx+");
    let verifiedBy: GotFile["verifiedBy"];
    try {
      await getRanges(place, key, info, file, path, options);
      verifiedBy = await verify(file, deed, info, options);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
    return { info, verifiedBy };
  } catch (error) {
    await rm(temporary, { force: true });
    throw fromSystemError(error, "write the file", path);
  }
}

/** Compare what is in the file with the strongest hash that is known of the object. */
async function verify(
  file: FileHandle,
  deed: { readonly action: string; readonly subject: string },
  info: ObjectInfo,
  { sha256, signal }: GetFileOptions,
): Promise<GotFile["verifiedBy"]> {
  const expected = sha256 ?? info.sha256;
  const by = expected !== null ? "sha256" : isMd5(info.etag) ? "md5" : null;
  if (by === null) return null;
  const hash = new Bun.CryptoHasher(by);
  const buffer = new Uint8Array(PIECE_BYTES);
  for (let at = 0; ; ) {
    if (signal?.aborted) throw stopped(deed);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) break;
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
  if (hash.digest("hex") !== (expected ?? info.etag)) throw damaged(deed, `its ${by} is another`);
  return by;
}

/** A rename is on the disk when the folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } catch {
    // Some file systems know no fsync of folders.
  } finally {
    await folder.close();
  }
}
