import { closeSync } from "node:fs";
import { FoldError } from "../errors.ts";
import { type Files, hashFile } from "./files.ts";

/** An object that was stored. */
export interface StoredObject {
  /** SHA-256 of its content, in hexadecimal. */
  readonly object: string;
  readonly size: number;
}

/** One object in the making: a temporary file, named when it is whole. */
export class ObjectWriter {
  private readonly hash = new Bun.CryptoHasher("sha256");
  private size = 0;
  private object: string | null = null;
  private isSynced = false;
  private file: number;

  constructor(
    readonly path: string,
    private readonly files: Files,
    /** The SHA-256 of what will be written, where it is known already. */
    private readonly known: string | null = null,
  ) {
    this.file = files.create(path);
  }

  write(piece: Uint8Array): void {
    if (this.known === null) this.hash.update(piece);
    this.size += piece.length;
    this.files.write(this.file, piece, this.path);
  }

  /** What all that was written makes; nothing more can be written. */
  get stored(): StoredObject {
    this.object ??= this.known ?? this.hash.digest("hex");
    return { object: this.object, size: this.size };
  }

  /** Begin to put the content on the disk, and wait: several at a time take little longer than one. */
  async sync(): Promise<void> {
    await this.files.sync(this.file, this.path);
    this.isSynced = true;
  }

  /** Put the content on the disk and read it back: what has a name has been seen to match it. */
  finish(): StoredObject {
    const { file, stored } = this;
    this.file = -1;
    this.files.seal(file, this.path, !this.isSynced);
    const found = hashFile(this.path);
    if (found.sha256 !== stored.object || found.size !== stored.size) {
      const hint = "the disk or the memory of this machine is failing";
      throw new FoldError("corrupt", `${this.path} does not hold what was written to it`, hint);
    }
    return stored;
  }

  close(): void {
    if (this.file >= 0) closeSync(this.file);
    this.file = -1;
  }
}
