import { createHash } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { archiveName } from "../../archive/archive-name.ts";
import { INTERNER } from "../../archive/manifest.ts";
import { Archive } from "../../archive/reader.ts";
import { FoldError, type FoldErrorCode, fromSystemError } from "../../errors.ts";
import type { ArchiveEntry } from "../port.ts";
import { makeFolder, move } from "./files.ts";
import { filesBelow } from "./layout.ts";
import { pathOfName } from "./names.ts";

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
    // Not in the order of their paths: the ending and the borders of folders come in between.
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Where an archive is or is to be. */
  pathOf(name: string): string {
    return join(this.folder, `${pathOfName(name)}${ENDING}`);
  }

  /** Whether something stands under a name, be it whole or damaged. */
  has(name: string): boolean {
    return existsSync(this.pathOf(name));
  }

  /** Copy an archive, so that whoever reads it does not lose it to a merge. */
  async copy(name: string, folder: string): Promise<string> {
    const path = join(folder, `${flatName(name)}${ENDING}`);
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

  /** What stands under a name; null for nothing, or something damaged. */
  async entry(name: string): Promise<ArchiveEntry | null> {
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

/** A file name for an archive, so that those of one name in several folders can lie side by side. */
function flatName(name: string): string {
  const path = pathOfName(name);
  const folder = createHash("sha256").update(dirname(path)).digest("hex").slice(0, 8);
  return path.includes("/") ? `${folder}-${basename(path)}` : path;
}

/** What an archive file is; null for one that is damaged or gone. */
export async function describe(path: string): Promise<ArchiveEntry | null> {
  let archive: Archive | null = null;
  try {
    archive = await Archive.open(path);
    const { name, options, orthos, lineage, interner } = archive.manifest;
    const sizes = { size_bytes: archive.sizeBytes, sentences_bytes: interner.size };
    const tar_sha256 = await archive.tarSha256();
    return { name: archiveName(name, options), orthos, lineage, options, ...sizes, tar_sha256 };
  } catch (error) {
    if (error instanceof FoldError && UNUSABLE.has(error.code)) return null;
    throw error;
  } finally {
    archive?.close();
  }
}

const UNUSABLE: ReadonlySet<FoldErrorCode> = new Set(["corrupt", "not_found", "unreadable"]);
