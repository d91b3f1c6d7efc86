import { statSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { archiveName } from "../../archive/archive-name.ts";
import { INTERNER } from "../../archive/manifest.ts";
import { Archive } from "../../archive/reader.ts";
import { FoldError, fromSystemError } from "../../errors.ts";
import type { ArchiveEntry } from "../port.ts";
import { makeFolder, move } from "./files.ts";
import { filesBelow } from "./layout.ts";

const ENDING = ".tar.zst";

/** The published archives of a state directory: one file each, in folders as their names say. */
export class ArchiveShelf {
  /** What was read of each archive, while its file is the same. */
  private readonly known = new Map<string, { readonly version: string; readonly entry: ArchiveEntry }>();

  constructor(readonly folder: string) {}

  /** All archives, by name. A damaged one is left out: `fold verify` tells what is wrong with it. */
  async list(): Promise<ArchiveEntry[]> {
    const entries: ArchiveEntry[] = [];
    for (const path of filesBelow(this.folder)) {
      if (!path.endsWith(ENDING) || basename(dirname(path)).endsWith(".work")) continue;
      const entry = await this.entry(path.slice(0, -ENDING.length));
      if (entry !== null) entries.push(entry);
    }
    return entries;
  }

  /** Where an archive is or is to be. */
  pathOf(name: string): string {
    return join(this.folder, `${name}${ENDING}`);
  }

  /** Copy an archive, so that whoever reads it does not lose it to a merge. */
  async copy(name: string, folder: string): Promise<string> {
    const path = join(folder, `${basename(name)}${ENDING}`);
    try {
      await copyFile(this.pathOf(name), path);
    } catch (error) {
      throw fromSystemError(error, "read the archive", this.pathOf(name));
    }
    return path;
  }

  async interner(name: string): Promise<Uint8Array> {
    const archive = await Archive.open(this.pathOf(name));
    try {
      for await (const [, bytes] of archive.members([archive.manifest.interner])) return bytes;
    } finally {
      archive.close();
    }
    throw new FoldError("corrupt", `${this.pathOf(name)} has no ${INTERNER}`, "fold its text again");
  }

  /** Put a finished archive into its place; false when it is not there any more. */
  publish(file: string, name: string): boolean {
    const path = this.pathOf(name);
    makeFolder(dirname(path));
    return move(file, path);
  }

  /** Take an archive away for a merge; false when somebody else has taken it. */
  take(name: string, file: string): boolean {
    return move(this.pathOf(name), file);
  }

  private async entry(name: string): Promise<ArchiveEntry | null> {
    const path = this.pathOf(name);
    const file = statSync(path, { throwIfNoEntry: false });
    if (file === undefined) return null;
    const version = `${file.ino} ${file.mtimeMs} ${file.size}`;
    const known = this.known.get(name);
    if (known?.version === version) return known.entry;
    const entry = await describe(path);
    if (entry === null) return null;
    this.known.set(name, { version, entry: { ...entry, name } });
    return { ...entry, name };
  }
}

/** What an archive file is; null for one that is damaged or gone. */
export async function describe(path: string): Promise<ArchiveEntry | null> {
  let archive: Archive;
  try {
    archive = await Archive.open(path);
  } catch (error) {
    if (error instanceof FoldError && (error.code === "corrupt" || error.code === "not_found")) return null;
    throw error;
  }
  try {
    const { name, options, orthos, lineage, interner } = archive.manifest;
    const sizes = { size_bytes: archive.sizeBytes, sentences_bytes: interner.size };
    const tar_sha256 = await archive.tarSha256();
    return { name: archiveName(name, options), orthos, lineage, options, ...sizes, tar_sha256 };
  } finally {
    archive.close();
  }
}
