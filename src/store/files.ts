import {
  closeSync,
  existsSync,
  fchmodSync,
  fsync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  type Stats,
  statSync,
  unlinkSync,
  utimesSync,
} from "node:fs";
import { promisify } from "node:util";
import { hasCode, isMissing, makeFolders, syncFolder, syncFolderAside, temporaryPath, writeAll } from "../disk.ts";
import { FoldError, fromSystemError } from "../errors.ts";

/** Files are read and copied in pieces of so many bytes, however large they are. */
export const PIECE_BYTES = 1 << 20;

const READ_ONLY = 0o444;

const fsyncAsync = promisify(fsync);

/** Called between pieces of long work, so that a heartbeat or a Ctrl-C gets its turn; it throws to stop. */
export type Pause = () => Promise<void>;

/** Gives everything else its turn, and never stops. */
export const breathe: Pause = () => new Promise((resolve) => setImmediate(resolve));

/** Called before each operation that changes the disk; what it throws is what the operation fails with. */
export type BeforeOperation = (operation: string, path: string) => void;

/**
 * Every operation by which what is stored changes, and by which files leave the store.
 *
 * They are gathered here so that a test can fail, or end the process at, each one of them in turn. Folders that are
 * restored are made by output-folder.ts and restore.ts: of these nothing is lost that the store does not have.
 */
export class Files {
  constructor(private readonly before: BeforeOperation = () => {}) {}

  /** Make a folder and those above it, and make them survive a power cut. */
  makeFolder(path: string): void {
    this.before("make the folder", path);
    makeFolders(path, (folder) => this.syncFolder(folder));
  }

  /** Make a folder that a power cut may take away, and those above it. */
  makePassingFolder(path: string): void {
    this.before("make the folder", path);
    mkdirSync(path, { recursive: true });
  }

  /** Open a new file for writing; fails where there is one. */
  create(path: string): number {
    this.before("create", path);
    return openSync(path, "wx");
  }

  write(file: number, bytes: Uint8Array, path: string): void {
    this.before("write", path);
    writeAll(file, bytes);
  }

  /** Close a file that can be made again, should a power cut take it. */
  close(file: number, path: string, mode: number): void {
    try {
      this.before("close", path);
      fchmodSync(file, mode);
    } finally {
      closeSync(file);
    }
  }

  /** Make sure that the content is on the disk, not to be written to again, and close the file. */
  seal(file: number, path: string, isToSync = true): void {
    try {
      this.before("seal", path);
      fchmodSync(file, READ_ONLY);
      if (isToSync) fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }

  /** Make sure that the content is on the disk, while others do the same. */
  async sync(file: number, path: string): Promise<void> {
    this.before("sync", path);
    await fsyncAsync(file);
  }

  rename(from: string, to: string): void {
    this.before("rename", from);
    renameSync(from, to);
  }

  /**
   * Rename a file where nothing stands under the new name; false where something does.
   *
   * Where the file system knows no second names, looking and renaming are two steps.
   */
  renameToFree(from: string, to: string): boolean {
    this.before("rename", from);
    try {
      linkSync(from, to);
    } catch (error) {
      if (hasCode(error, "EEXIST")) return false;
      if (!hasCode(error, "EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EMLINK")) throw error;
      if (existsSync(to)) return false;
      renameSync(from, to);
      return true;
    }
    rmSync(from, { force: true });
    return true;
  }

  /** Remove one file, which must be there. */
  unlink(path: string): void {
    this.before("remove", path);
    unlinkSync(path);
  }

  /** Remove a folder that must be empty. */
  removeEmpty(path: string): void {
    this.before("remove", path);
    rmdirSync(path);
  }

  /** Set the time of the last change to now. */
  touch(path: string): void {
    this.before("touch", path);
    const now = new Date();
    utimesSync(path, now, now);
  }

  /** Remove a file, or a folder with all in it; nothing happens where there is none. */
  remove(path: string): void {
    this.before("remove", path);
    rmSync(path, { recursive: true, force: true });
  }

  /** Make renames in a folder survive a power cut, where the system lets folders be synced. */
  syncFolder(path: string): void {
    this.before("sync the folder", path);
    syncFolder(path);
  }

  /** The same, while others do. */
  async syncFolderAside(path: string): Promise<void> {
    this.before("sync the folder", path);
    await syncFolderAside(path);
  }
}

/** What the disk says of a file; null where there is none. */
export function statOf(path: string): Stats | null {
  try {
    return statSync(path, { throwIfNoEntry: false }) ?? null;
  } catch (error) {
    if (isMissing(error)) return null;
    throw fromSystemError(error, "read the file", path);
  }
}

/** Whether there is a symbolic link, wherever it leads. */
export function isLink(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
  } catch (error) {
    if (isMissing(error)) return false;
    throw fromSystemError(error, "read the file", path);
  }
}

/** What the disk says of the file behind a link; null where there is none. */
export function followed(path: string): Stats | null {
  try {
    return statOf(path);
  } catch (error) {
    // A link to itself is no more than one to nothing.
    if (error instanceof FoldError && hasCode(error.cause, "ELOOP")) return null;
    throw error;
  }
}

/** Buffers of PIECE_BYTES that nobody uses: making one takes longer than reading a small object. */
const freeBuffers: Uint8Array[] = [];

/** Read part of an open file in pieces. Each piece is gone when the next is asked for. */
export function* piecesOf(file: number, from: number, length: number): Generator<Uint8Array> {
  const buffer = freeBuffers.pop() ?? new Uint8Array(PIECE_BYTES);
  try {
    for (let at = from; at < from + length; ) {
      const count = readSync(file, buffer, 0, Math.min(buffer.length, from + length - at), at);
      if (count === 0) return;
      yield buffer.subarray(0, count);
      at += count;
    }
  } finally {
    freeBuffers.push(buffer);
  }
}

/** SHA-256 and size of a file as it stands on the disk. */
export function hashFile(path: string): { sha256: string; size: number } {
  const hash = new Bun.CryptoHasher("sha256");
  let size = 0;
  const file = openSync(path, "r");
  try {
    for (const piece of piecesOf(file, 0, Number.MAX_SAFE_INTEGER)) {
      hash.update(piece);
      size += piece.length;
    }
    return { sha256: hash.digest("hex"), size };
  } finally {
    closeSync(file);
  }
}

/**
 * A file that appears under its name when it is whole: for what leaves the store, and can be had from it again.
 *
 * @param mode permission bits of the finished file
 * @param temporary where it is until then
 */
export class OutputFile {
  private file: number;
  private isWhole = false;

  constructor(
    readonly path: string,
    private readonly files: Files,
    private readonly mode: number,
    private readonly temporary: string,
  ) {
    this.file = files.create(this.temporary);
  }

  write(bytes: Uint8Array): void {
    this.files.write(this.file, bytes, this.temporary);
  }

  finish(): void {
    const { file } = this;
    this.file = -1;
    this.files.close(file, this.temporary, this.mode);
    if (this.temporary !== this.path) this.files.rename(this.temporary, this.path);
    this.isWhole = true;
  }

  /** Leave nothing behind but a finished file: for every way out. */
  discard(): void {
    if (this.isWhole) return;
    if (this.file >= 0) closeSync(this.file);
    this.file = -1;
    rmSync(this.temporary, { force: true });
  }
}

/**
 * Write a file that appears under its name when it is whole; what fails leaves nothing.
 *
 * @param mode permission bits of the finished file
 * @param temporary where it is until then: `path` itself in a folder that nobody looks into before it is whole
 * @throws FoldError for whatever the system says
 */
export async function writeOutput(
  path: string,
  files: Files,
  write: (out: OutputFile) => Promise<void>,
  mode = 0o644,
  temporary = temporaryPath(path),
): Promise<void> {
  let out: OutputFile | null = null;
  try {
    out = new OutputFile(path, files, mode, temporary);
    await write(out);
    out.finish();
  } catch (error) {
    throw fromSystemError(error, "write the file", path);
  } finally {
    out?.discard();
  }
}
