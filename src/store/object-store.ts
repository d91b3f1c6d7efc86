/**
 * Objects: files whose name is the SHA-256 of their content, so `sha256sum` proves each of them.
 *
 *     objects/ab/<sha256>           an object, read-only; ab are the first two digits of its name
 *     objects/.adding/<token>/      one add that is going on: what it needs, its temporary files (adding.ts)
 *     objects/.trash/<run>/<sha256> taken out by a garbage collection that has not ended (collect.ts)
 *     objects/.quarantine/          what was damaged
 *
 * The order of writes is the promise. Objects first, each whole and on the disk before it has its name; then the
 * manifest of an archive, which is itself what refers to them; it gets its name when all of its objects are there.
 * Readers go the other way: from the name to the reference, from there to the objects. So whoever finds a reference
 * finds all that it refers to, and whatever a crash leaves behind is referred to by nobody and swept away later.
 */
import { closeSync, openSync, readFileSync, type Stats } from "node:fs";
import { join } from "node:path";
import { FoldError, fromSystemError } from "../errors.ts";
import { Adding, type StoredObject } from "./adding.ts";
import { Files, isMissing, namesIn, piecesOf, statOf } from "./files.ts";

const OBJECT_NAME = /^[0-9a-f]{64}$/;
const FOLDER_NAME = /^[0-9a-f]{2}$/;
/** An object that is being moved between its place and the trash is found after so many looks at both. */
const MAX_LOOKS = 5;

/** An object as a listing tells it. */
export interface ListedObject {
  readonly object: string;
  readonly size: number;
  readonly modified_ms: number;
}

/** Content-addressed files in one folder. */
export class ObjectStore {
  /** Operations on the disk; tests put others in. */
  readonly files: Files;

  constructor(
    readonly folder: string,
    files?: Files,
  ) {
    this.files = files ?? new Files();
  }

  /** Where an object is, or would be. */
  path(object: string): string {
    if (!OBJECT_NAME.test(object)) {
      throw new FoldError("corrupt", `${JSON.stringify(object)} is no name of an object`, "the reference is damaged");
    }
    return join(this.folder, object.slice(0, 2), object);
  }

  get addingFolder(): string {
    return join(this.folder, ".adding");
  }

  get trashFolder(): string {
    return join(this.folder, ".trash");
  }

  get quarantineFolder(): string {
    return join(this.folder, ".quarantine");
  }

  /**
   * Store bytes, or a stream of unknown length in constant memory; equal content is stored once.
   *
   * Nothing refers to the object yet, so only the grace of a garbage collection keeps it: whoever stores objects for
   * a reference does so in an `Adding`.
   *
   * @example
   * const { object } = await store.put(new TextEncoder().encode("whale"));
   * new TextDecoder().decode(store.get(object)); // "whale"
   */
  async put(content: Uint8Array | AsyncIterable<Uint8Array>): Promise<StoredObject> {
    const adding = new Adding(this);
    try {
      const stored = content instanceof Uint8Array ? adding.put(content) : await adding.putStream(content);
      adding.syncFolders();
      return stored;
    } finally {
      adding.end();
    }
  }

  has(object: string): boolean {
    return this.stat(object) !== null;
  }

  /** @throws FoldError `not_found` */
  size(object: string): number {
    const stat = this.stat(object);
    if (stat === null) throw missing(object);
    return stat.size;
  }

  /** All of an object, checked against its name. For one that fits in memory. */
  get(object: string): Uint8Array {
    if (!this.has(object)) throw missing(object);
    let bytes: Uint8Array;
    try {
      bytes = readFileSync(this.path(object));
    } catch (error) {
      throw fromSystemError(error, "read the object", this.path(object));
    }
    if (new Bun.CryptoHasher("sha256").update(bytes).digest("hex") !== object) throw damaged(object);
    return bytes;
  }

  /**
   * An object in pieces, in constant memory. Each piece is gone when the next is asked for.
   *
   * @throws FoldError `corrupt` behind the last piece of an object that does not match its name
   */
  *open(object: string): Generator<Uint8Array> {
    const size = this.size(object);
    const hash = new Bun.CryptoHasher("sha256");
    let file: number;
    try {
      file = openSync(this.path(object), "r");
    } catch (error) {
      throw fromSystemError(error, "read the object", this.path(object));
    }
    try {
      for (const piece of piecesOf(file, 0, size)) {
        hash.update(piece);
        yield piece;
      }
    } finally {
      closeSync(file);
    }
    if (hash.digest("hex") !== object) throw damaged(object);
  }

  /** All objects, one folder in memory at a time. What is in the trash is left out. */
  *list(): Generator<ListedObject> {
    for (const folder of namesIn(this.folder)) {
      if (!FOLDER_NAME.test(folder)) continue;
      for (const object of namesIn(join(this.folder, folder))) {
        if (!OBJECT_NAME.test(object) || !object.startsWith(folder)) continue;
        const stat = statOf(join(this.folder, folder, object));
        if (stat?.isFile()) yield { object, size: stat.size, modified_ms: stat.mtimeMs };
      }
    }
  }

  /**
   * What the disk says of an object, null where it is not there.
   *
   * A garbage collection takes objects away before it looks a last time whether they are needed, and may be ended
   * right then: what is in the trash is not lost, and whoever asks for it puts it back.
   */
  private stat(object: string): Stats | null {
    for (let look = 0; look < MAX_LOOKS; look++) {
      const stat = statOf(this.path(object));
      if (stat !== null) return stat;
      if (!this.putBackFromTrash(object)) return statOf(this.path(object));
    }
    return null;
  }

  private putBackFromTrash(object: string): boolean {
    const trashed = namesIn(this.trashFolder).map((run) => join(this.trashFolder, run, object));
    const found = trashed.find((path) => statOf(path) !== null);
    return found !== undefined && this.putBack(object, found);
  }

  /** Give an object in the trash its place again; false when somebody else was faster. */
  putBack(object: string, from: string): boolean {
    try {
      this.files.rename(from, this.path(object));
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw fromSystemError(error, "rename the object", from);
    }
  }

  /** Take a damaged object out of use; what it looked like is kept. Returns where it is now. */
  quarantine(object: string): string {
    const place = join(this.quarantineFolder, `${object}.${crypto.randomUUID().slice(0, 8)}`);
    try {
      this.files.makeFolder(this.quarantineFolder);
      this.files.rename(this.path(object), place);
      return place;
    } catch (error) {
      throw fromSystemError(error, "rename the damaged object", this.path(object));
    }
  }
}

function missing(object: string): FoldError {
  return new FoldError("not_found", `object ${object} is missing`, MEND);
}

function damaged(object: string): FoldError {
  return new FoldError("corrupt", `object ${object} is damaged: its content does not match its name`, MEND);
}

const MEND = "`fold store verify --repair-from PATH` takes it from another store or from archives that hold the same";
