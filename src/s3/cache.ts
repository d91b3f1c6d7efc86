import { constants } from "node:fs";
import { copyFile, link, open, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { isTemporary, makePrivateFolder } from "../disk.ts";
import { FoldError } from "../errors.ts";

/** A copy that somebody was making so long ago will not be finished. */
const ABANDONED_MS = 3_600_000;
const PIECE_BYTES = 1 << 20;
/** Smaller contents are better fetched again: that takes no longer than looking for them among thousands. */
export const LEAST_CACHED_BYTES = 1 << 20;

/**
 * Copies of what was fetched, in a folder that several processes share and that may be wiped at any time.
 *
 * A file is named by the SHA-256 of its content and compared with it whenever it is used. Who takes one gets a name of its
 * own for it (a hard link; a copy on another file system), so that nothing which happens in here can take it away. There
 * are no locks: two who miss the same content both fetch it, and two who make room at once throw away the same files.
 * Nothing in here is worth an error: where the folder cannot be used, everything is a miss.
 */
export class Cache {
  /** @param most_bytes the sum of all that is kept; larger contents are not kept at all */
  constructor(
    private readonly folder: string,
    private readonly most_bytes: number,
  ) {}

  /**
   * Get a content into a file of one's own, which must not be written to afterwards.
   *
   * @param path where there is nothing yet
   * @param fetch makes that file, whole and compared with the hash, where the content is not here
   * @returns whether it was here
   * @throws what `fetch` throws
   */
  async take(sha256: string, path: string, fetch: () => Promise<void>): Promise<boolean> {
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw new Error(`${sha256} is no SHA-256 in hex`);
    const isOurs = this.isOurs();
    if (isOurs && (await this.lend(sha256, path))) return true;
    try {
      await fetch();
    } catch (error) {
      // What fills the disk may be ourselves.
      if (!(isOurs && error instanceof FoldError && error.code === "no_space" && (await this.shrink(0)))) throw error;
      await fetch();
    }
    if (isOurs) await this.keep(sha256, path);
    return false;
  }

  /** Whether the folder is there or can be made, and nobody else can put things into it. */
  private isOurs(): boolean {
    try {
      return makePrivateFolder(this.folder);
    } catch {
      // A folder that cannot be used: everything is a miss.
      return false;
    }
  }

  private async lend(sha256: string, path: string): Promise<boolean> {
    const kept = join(this.folder, sha256);
    try {
      await linkOrCopy(kept, path);
    } catch {
      // It is not here, or its folder went in this moment; if the trouble is at `path`, fetching will tell.
      return false;
    }
    if ((await hashOf(path).catch(() => null)) === sha256) {
      const now = new Date();
      // The time of the last change tells who was used last. It may be gone by now.
      await utimes(kept, now, now).catch(() => {});
      return true;
    }
    await rm(path, { force: true });
    await rm(kept, { force: true }).catch(() => {});
    return false;
  }

  private async keep(sha256: string, path: string): Promise<void> {
    const temporary = join(this.folder, `${sha256}.${crypto.randomUUID().slice(0, 8)}.tmp`);
    try {
      const { size } = await stat(path);
      if (size > this.most_bytes) return;
      await this.shrink(this.most_bytes - size);
      await linkOrCopy(path, temporary);
      const now = new Date();
      await utimes(temporary, now, now);
      await rename(temporary, join(this.folder, sha256));
      // Others may have kept something at the same time.
      await this.shrink(this.most_bytes);
    } catch {
      // No room, or the folder went: the file that was asked for is there all the same.
    } finally {
      // Two names of one file: renaming the one to the other does nothing, and leaves both.
      await rm(temporary, { force: true }).catch(() => {});
    }
  }

  /**
   * Throw away what was not used for longest, until so many bytes are left.
   *
   * @returns whether anything went
   */
  private async shrink(to_bytes: number): Promise<boolean> {
    const files = await this.files();
    let [total_bytes, removed] = [0, 0];
    for (const { size_bytes } of files) total_bytes += size_bytes;
    for (const { path, size_bytes } of files) {
      if (total_bytes <= to_bytes) break;
      try {
        await rm(path, { force: true });
      } catch {
        // The folder is read-only, or this is none of our files: it stays, and another one goes.
        continue;
      }
      total_bytes -= size_bytes;
      removed++;
    }
    return removed > 0;
  }

  /** All contents, the one first that was not used for longest. Copies that nobody finishes are removed on the way. */
  private async files() {
    const files: { readonly path: string; readonly size_bytes: number; readonly used_ms: number }[] = [];
    for (const name of await readdir(this.folder).catch(() => [])) {
      const path = join(this.folder, name);
      const info = await stat(path).catch(() => null);
      if (info === null) continue;
      if (/^[0-9a-f]{64}$/.test(name)) files.push({ path, size_bytes: info.size, used_ms: info.mtimeMs });
      else if (isTemporary(name) && info.mtimeMs < Date.now() - ABANDONED_MS) {
        await rm(path, { force: true }).catch(() => {});
      }
    }
    return files.sort((a, b) => a.used_ms - b.used_ms);
  }
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "";
    // Another file system, or one without links.
    if (!["EXDEV", "EPERM", "ENOTSUP", "EMLINK"].includes(String(code))) throw error;
    try {
      await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    } catch (copyError) {
      const isTaken = copyError instanceof Error && "code" in copyError && copyError.code === "EEXIST";
      if (!isTaken) await rm(to, { force: true });
      throw copyError;
    }
  }
}

/** The SHA-256 of a file, read while others do something else. */
async function hashOf(path: string): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  const buffer = new Uint8Array(PIECE_BYTES);
  const file = await open(path, "r");
  try {
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return hash.digest("hex");
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}
