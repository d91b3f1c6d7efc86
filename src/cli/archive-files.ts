import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Archive } from "../archive/reader.ts";
import { FoldError, fromSystemError } from "../errors.ts";
import { statOf } from "../store/files.ts";
import type { CommandIo } from "./command.ts";
import { type StorageFlags, withStorage } from "./job-storage.ts";

/** The archives that a user names: by the path of a file, or by their names in a storage, as `fold status` lists them. */
export class ArchiveFiles {
  private folder: string | null = null;

  constructor(
    private readonly flags: StorageFlags,
    private readonly io: CommandIo,
  ) {}

  /**
   * A file to read an archive from.
   *
   * @throws FoldError `not_found` when there is neither a file nor an archive of that name
   */
  async find(named: string): Promise<string> {
    const found = statOf(named);
    if (found !== null && !found.isDirectory()) return named;
    return await withStorage(this.flags, this.io, async (storage) => {
      const isThere = (await storage.listArchives()).some(({ name }) => name === named);
      if (isThere) return await storage.openArchive(named, this.temporaryFolder());
      const damaged = (await storage.listDamaged()).find(({ name }) => name === named);
      if (damaged !== undefined) throw damaged.error;
      // What is wrong with a folder is told by whoever tries to read it.
      if (found !== null) return named;
      throw new FoldError(
        "not_found",
        `cannot read the archive ${named}: no such file, and no archive of that name in ${storage.place}`,
        "check the path; `fold status` lists the archives of a state directory",
      );
    });
  }

  /** Remove what was restored only to be read. An archive that is open can still be read to its end. */
  close(): void {
    if (this.folder !== null) rmSync(this.folder, { recursive: true, force: true });
    this.folder = null;
  }

  private temporaryFolder(): string {
    try {
      this.folder ??= mkdtempSync(join(tmpdir(), "fold-"));
      return this.folder;
    } catch (error) {
      throw fromSystemError(error, "create a folder in", tmpdir());
    }
  }
}

/** Open an archive to read it; nothing of it is left behind, even by a command that is ended on the spot. */
export async function openNamed(named: string, flags: StorageFlags, io: CommandIo): Promise<Archive> {
  const files = new ArchiveFiles(flags, io);
  try {
    return await Archive.open(await files.find(named));
  } finally {
    files.close();
  }
}
