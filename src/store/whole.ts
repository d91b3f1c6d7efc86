import { closeSync, openSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { decodeManifest, MANIFEST, type Manifest, type MemberEntry, sha256 } from "../archive/manifest.ts";
import { Archive } from "../archive/reader.ts";
import { temporaryPath } from "../disk.ts";
import { FoldError, fromSystemError } from "../errors.ts";
import { type Files, type OutputFile, type Pause, piecesOf, writeOutput } from "./files.ts";
import { writeFolder } from "./output-folder.ts";
import { packArchive } from "./pack.ts";
import type { StoredArchive } from "./stored-archive.ts";

const MODE = 0o644;

/** An archive in one tar.zst file, from before there was a store or compressed by another program. */
export class WholeArchive implements StoredArchive {
  readonly form = "whole";

  constructor(
    readonly name: string,
    readonly place: string,
    private readonly files: Files,
  ) {}

  get size_bytes(): number {
    try {
      return statSync(this.place).size;
    } catch (error) {
      throw fromSystemError(error, "read the archive", this.place);
    }
  }

  tarSha256(): Promise<string> {
    return this.opened((archive) => archive.tarSha256());
  }

  describe(): Promise<Manifest> {
    return this.opened((archive) => Promise.resolve(archive.manifest));
  }

  readMember(path: string): Promise<Uint8Array> {
    return this.opened(async (archive) => {
      const entry = memberOf(archive.manifest, path, this.name);
      for await (const [, bytes] of archive.members([entry])) return bytes;
      throw noMember(this.name, path);
    });
  }

  writeWhole(path: string, pause: Pause): Promise<void> {
    return this.restore(path, pause);
  }

  restore(path: string, pause: Pause): Promise<void> {
    return copyFile(this.place, path, this.files, pause);
  }

  private async opened<T>(read: (archive: Archive) => Promise<T>): Promise<T> {
    const archive = await Archive.open(this.place);
    try {
      return await read(archive);
    } finally {
      archive.close();
    }
  }
}

/** An archive that somebody has unpacked: a folder with its members. */
export class PlainFolder implements StoredArchive {
  readonly form = "folder";

  constructor(
    readonly name: string,
    readonly place: string,
    private readonly files: Files,
  ) {}

  get size_bytes(): number {
    return this.fileNames().reduce((sum, path) => sum + statSync(join(this.place, path)).size, 0);
  }

  tarSha256(): Promise<string> {
    throw new FoldError("failed", `${this.place} is a folder and has no tar`, "get it as a tar.zst file first");
  }

  async describe(): Promise<Manifest> {
    return await Promise.resolve(decodeManifest(this.read(MANIFEST), this.place));
  }

  async readMember(path: string): Promise<Uint8Array> {
    if (path === MANIFEST) return this.read(MANIFEST);
    const entry = memberOf(await this.describe(), path, this.name);
    const bytes = this.read(path);
    if (sha256(bytes) === entry.sha256) return bytes;
    const hint = "get another copy of the archive, or fold the text again";
    throw new FoldError("corrupt", `${join(this.place, path)} is not what the manifest says`, hint);
  }

  async writeWhole(path: string, pause: Pause): Promise<void> {
    await packArchive(path, await this.describe(), (member) => this.readMember(member), this.files, pause);
  }

  async restore(path: string, pause: Pause): Promise<void> {
    await writeFolder(path, async (temporary) => {
      for (const file of this.fileNames()) {
        const to = join(temporary, file);
        this.files.makePassingFolder(dirname(to));
        await copyFile(join(this.place, file), to, this.files, pause, to);
      }
    });
  }

  private fileNames(): string[] {
    const entries = readdirSync(this.place, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    return files.map((path) => path.slice(this.place.length + 1));
  }

  private read(path: string): Uint8Array {
    try {
      return readFileSync(join(this.place, path));
    } catch (error) {
      throw fromSystemError(error, "read the file", join(this.place, path));
    }
  }
}

/** @param temporary where the copy is until it is whole */
async function copyFile(
  from: string,
  to: string,
  files: Files,
  pause: Pause,
  temporary = temporaryPath(to),
): Promise<void> {
  let file: number;
  try {
    file = openSync(from, "r");
  } catch (error) {
    throw fromSystemError(error, "read the file", from);
  }
  try {
    const write = async (out: OutputFile) => {
      for (const piece of piecesOf(file, 0, Number.MAX_SAFE_INTEGER)) {
        out.write(piece);
        await pause();
      }
    };
    await writeOutput(to, files, write, MODE, temporary);
  } finally {
    closeSync(file);
  }
}

function memberOf({ interner, chunks, optimal_txt }: Manifest, path: string, name: string): MemberEntry {
  const entry = [interner, optimal_txt, ...chunks].find((candidate) => candidate.path === path);
  if (entry === undefined) throw noMember(name, path);
  return entry;
}

function noMember(name: string, path: string): FoldError {
  const hint = "an archive holds interner.bin, results/ and optimal.txt";
  return new FoldError("not_found", `${name} holds no ${path}`, hint);
}
