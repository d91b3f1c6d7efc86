import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fromSystemError } from "../../errors.ts";
import { ensurePrivate } from "../private-folder.ts";

const NAME = /^([0-9a-f-]{36})\.(\d+)\.[0-9a-f]{8}$/;

/** An attempt that has left a folder on this machine. */
export interface FolderOfAttempt {
  readonly jobId: string;
  readonly attempt: number;
  readonly path: string;
}

/**
 * The folders on this machine in which attempts do their work, of all workers that use one database.
 *
 * Nothing in them counts: what an attempt has finished is in the buckets. So the folder of an attempt that is over may
 * be removed by anyone, also under the feet of a worker that does not know yet.
 */
export class AttemptFolders {
  private readonly folder: string;

  /** @param place names the database: another one's attempts are not ours to judge */
  constructor(cacheDir: string, place: string) {
    this.folder = join(cacheDir, `work-${createHash("sha256").update(place).digest("hex").slice(0, 12)}`);
  }

  /** Make the folder of an attempt. */
  make(jobId: string, attempt: number): string {
    ensurePrivate(this.folder);
    const path = join(this.folder, `${jobId}.${attempt}.${crypto.randomUUID().slice(0, 8)}`);
    try {
      mkdirSync(path);
      return path;
    } catch (error) {
      throw fromSystemError(error, "create the folder", path);
    }
  }

  list(): FolderOfAttempt[] {
    let names: string[];
    try {
      names = readdirSync(this.folder);
    } catch {
      // Nobody has worked here yet.
      return [];
    }
    return names.flatMap((name) => {
      const match = NAME.exec(name);
      return match === null ? [] : [{ jobId: match[1], attempt: Number(match[2]), path: join(this.folder, name) }];
    });
  }
}

/** Remove the folder of an attempt that is over. What cannot be removed now is in nobody's way. */
export function removeFolder(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true, maxRetries: 2 });
  } catch {
    // See above: the next worker that looks for what is left tries again.
  }
}
