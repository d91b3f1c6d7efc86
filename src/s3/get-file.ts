import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { syncFolderAside, temporaryPath } from "../disk.ts";
import { type FoldErrorCode, fromSystemError } from "../errors.ts";
import { isMd5 } from "./etag.ts";
import { getRanges } from "./get-ranges.ts";
import { readFully } from "./hash-file.ts";
import { head, type ObjectInfo } from "./head.ts";
import type { Place, TransferOptions } from "./place.ts";
import { damaged, S3Error, stopped } from "./s3-error.ts";

export interface GetFileOptions extends TransferOptions {
  /** What the object must hold; without it, what its metadata says. */
  readonly sha256?: string;
  /** Whether the file must survive a power cut; yes where not said. A gigabyte can wait for a disk for ten seconds. */
  readonly isToSync?: boolean;
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
/** After so many bytes a file is seen to the disk, also while more is coming. */
const SYNC_BYTES = 64 << 20;

/**
 * Fetch an object into a file, which appears under its name when it is whole, compared and, unless said otherwise, on the
 * disk.
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
  const temporary = temporaryPath(path);
  try {
    const file = await open(temporary, "wx+");
    const comparison = new Comparison({ sha256: options.sha256 ?? info.sha256, etag: info.etag });
    const isToSync = options.isToSync ?? true;
    const follow = async (from: number, to: number) => {
      await comparison.read(file, from, to);
      // Then there is little left to wait for in the end.
      if (isToSync && to % SYNC_BYTES === 0) await file.datasync();
    };
    try {
      await getRanges(place, key, info, file, path, options, follow);
      if (options.signal?.aborted) throw stopped(deed);
      if (!comparison.isRight) throw damaged(deed, `its ${comparison.by} is another`);
      if (isToSync) await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    if (isToSync) await syncFolderAside(dirname(path));
    return { info, verifiedBy: comparison.by };
  } catch (error) {
    await rm(temporary, { force: true });
    throw fromSystemError(error, "write the file", path);
  }
}

function hasherOf(by: "sha256" | "md5") {
  return new Bun.CryptoHasher(by);
}

/** What an object is compared with: the strongest hash that is known of it. */
class Comparison {
  readonly by: GotFile["verifiedBy"];
  private readonly expected: string;
  private readonly hash: ReturnType<typeof hasherOf> | null;
  private readonly buffer = new Uint8Array(PIECE_BYTES);

  constructor({ sha256, etag }: Pick<ObjectInfo, "sha256" | "etag">) {
    this.expected = sha256 ?? etag;
    this.by = sha256 !== null ? "sha256" : isMd5(etag) ? "md5" : null;
    this.hash = this.by === null ? null : hasherOf(this.by);
  }

  /** Go on with what is on the disk, while the rest is still on its way. */
  async read(file: FileHandle, from: number, to: number): Promise<void> {
    for (let at = from; at < to && this.hash !== null; ) {
      const piece = this.buffer.subarray(0, Math.min(PIECE_BYTES, to - at));
      await readFully(file, piece, at);
      this.hash.update(piece);
      at += piece.length;
    }
  }

  get isRight(): boolean {
    return this.hash === null || this.hash.digest("hex") === this.expected;
  }
}
