import { closeSync, lstatSync, openSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { decodeManifest, MANIFEST, type Manifest, type MemberEntry, sha256 } from "../archive/manifest.ts";
import { Archive } from "../archive/reader.ts";
import { FoldError, fromSystemError } from "../errors.ts";
import { type Files, OutputFile, piecesOf } from "./files.ts";
import { packArchive } from "./pack.ts";
import { materialPath, type StoredArchive } from "./stored-archive.ts";

/** An archive in one tar.zst file, from before there was a store or compressed by another program. */
export class WholeArchive implements StoredArchive {
  readonly form = "whole";

  constructor(
    readonly name: string,
    readonly place: string,
    private readonly files: Files,
  ) {}

  get size_bytes(): number {
    return statSync(this.place).size;
  }

  async materialise(folder: string): Promise<string> {
    const path = materialPath(folder, this.name);
    await this.restore(path);
    return path;
  }

  async readMember(path: string): Promise<Uint8Array> {
    const archive = await Archive.open(this.place);
    try {
      const { interner, chunks, optimal_txt } = archive.manifest;
      const entry = [interner, optimal_txt, ...chunks].find((candidate) => candidate.path === path);
      for await (const [, bytes] of archive.members(entry === undefined ? [] : [entry])) return bytes;
    } finally {
      archive.close();
    }
    throw noMember(this.name, path);
  }

  async describe(): Promise<Manifest> {
    const archive = await Archive.open(this.place);
    archive.close();
    return archive.manifest;
  }

  async restore(path: string): Promise<void> {
    copyFile(this.place, path, this.files);
    await Promise.resolve();
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
    const entries = readdirSync(this.place, { recursive: true, withFileTypes: true });
    const sizes = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    return sizes.reduce((sum, path) => sum + lstatSync(path).size, 0);
  }

  async materialise(folder: string): Promise<string> {
    const path = materialPath(folder, this.name);
    await packArchive(path, await this.describe(), (member) => this.readMember(member), this.files);
    return path;
  }

  async readMember(path: string): Promise<Uint8Array> {
    if (path === MANIFEST) return this.read(MANIFEST);
    const { interner, chunks, optimal_txt } = await this.describe();
    const entry: MemberEntry | undefined = [interner, optimal_txt, ...chunks].find((one) => one.path === path);
    if (entry === undefined) throw noMember(this.name, path);
    const bytes = this.read(path);
    if (sha256(bytes) === entry.sha256) return bytes;
    const hint = "get another copy of the archive, or fold the text again";
    throw new FoldError("corrupt", `${join(this.place, path)} is not what the manifest says`, hint);
  }

  async describe(): Promise<Manifest> {
    return await Promise.resolve(decodeManifest(this.read(MANIFEST), this.place));
  }

  async restore(path: string): Promise<void> {
    for (const entry of readdirSync(this.place, { recursive: true, withFileTypes: true })) {
      const from = join(entry.parentPath, entry.name);
      if (entry.isFile()) copyFile(from, join(path, from.slice(this.place.length)), this.files);
    }
    await Promise.resolve();
  }

  private read(path: string): Uint8Array {
    try {
      return readFileSync(join(this.place, path));
    } catch (error) {
      throw fromSystemError(error, "read the file", join(this.place, path));
    }
  }
}

function copyFile(from: string, to: string, files: Files): void {
  let file: number;
  try {
    file = openSync(from, "r");
  } catch (error) {
    throw fromSystemError(error, "read the file", from);
  }
  let out: OutputFile | null = null;
  try {
    out = new OutputFile(to, files);
    for (const piece of piecesOf(file, 0, Number.MAX_SAFE_INTEGER)) out.write(piece);
    out.finish();
  } catch (error) {
    throw fromSystemError(error, "write the file", to);
  } finally {
    out?.discard();
    closeSync(file);
  }
}

function noMember(name: string, path: string): FoldError {
  return new FoldError(
    "not_found",
    `${name} holds no ${path}`,
    "an archive holds interner.bin, results/ and optimal.txt",
  );
}
