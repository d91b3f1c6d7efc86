/**
 * Objects: files whose name is the SHA-256 of their content, so `sha256sum` proves each of them.
 *
 *     objects/ab/<sha256>           an object, read-only; ab are the first two digits of its name
 *     objects/.adding/<token>/      one add that is going on: what it needs, its temporary files (adding.ts)
 *     objects/.trash/<run>/<sha256> taken out by a garbage collection that has not ended (collect.ts)
 *     objects/.quarantine/          what was damaged
 *
 * The order of writes is the promise. Objects first, each whole and on the disk before it has its name; then the
 * reference of an archive, which gets its name when all of its objects are there.
 * Readers go the other way: from the name to the reference, from there to the objects. So whoever finds a reference
 * finds all that it refers to, and whatever a crash leaves behind is referred to by nobody and swept away later.
 */
import { closeSync, openSync, readFileSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../archive/manifest.ts";
import { isMissing, namesIn } from "../disk.ts";
import { FoldError, fromSystemError } from "../errors.ts";
import { Files, hashFile, piecesOf, statOf } from "./files.ts";

const OBJECT_NAME = /^[0-9a-f]{64}$/;

/** Whether a text can be the name of an object. */
export function isObjectName(text: string): boolean {
  return OBJECT_NAME.test(text);
}

const FOLDER_NAME = /^[0-9a-f]{2}$/;
/** An object that is being moved between its place and the trash is found after so many looks at both. */
const MAX_LOOKS = 5;

/** An object as a listing tells it. */
export interface ListedObject {
  readonly object: string;
  readonly size: number;
  readonly modified_ms: number;
}

/** Called for what a listing meets besides objects. */
export interface ListingHandlers {
  /** For what is no file, and keeps an object from its place; else it is left out. */
  readonly onOther?: (object: string) => void;
  /** For a folder that cannot be read; else the listing ends with the error. */
  readonly onUnreadable?: (error: FoldError) => void;
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

  has(object: string): boolean {
    return this.stat(object) !== null;
  }

  /** @throws FoldError `not_found` */
  size(object: string): number {
    const stat = this.stat(object);
    if (stat === null) throw missing(object);
    return stat.size;
  }

  /** The SHA-256 of what stands in an object's place, empty for what is no file; null where nothing does. */
  hash(object: string): string | null {
    const hash = this.inPlace(object, (path) => hashFile(path).sha256);
    return hash === null && statOf(this.path(object))?.isFile() === false ? "" : hash;
  }

  /** Set the time of an object to now; false where there is none. */
  refresh(object: string): boolean {
    return this.inPlace(object, (path) => this.files.touch(path) ?? true) ?? false;
  }

  /** All of an object, checked against its name. For one that fits in memory. */
  get(object: string): Uint8Array {
    const bytes = this.inPlace(object, (path) => readFileSync(path));
    if (bytes === null) throw missing(object);
    if (sha256(bytes) !== object) throw damaged(object);
    return bytes;
  }

  /**
   * An object in pieces, in constant memory. Each piece is gone when the next is asked for.
   *
   * @throws FoldError `not_found`; `corrupt` behind the last piece of an object that does not match its name
   */
  *open(object: string): Generator<Uint8Array> {
    const hash = new Bun.CryptoHasher("sha256");
    const file = this.inPlace(object, (path) => openSync(path, "r"));
    if (file === null) throw missing(object);
    try {
      for (const piece of piecesOf(file, 0, Number.MAX_SAFE_INTEGER)) {
        hash.update(piece);
        yield piece;
      }
    } catch (error) {
      throw fromSystemError(error, "read the object", this.path(object));
    } finally {
      closeSync(file);
    }
    if (hash.digest("hex") !== object) throw damaged(object);
  }

  /** All objects, one folder in memory at a time. What is in the trash is left out. */
  *list({ onOther, onUnreadable }: ListingHandlers = {}): Generator<ListedObject> {
    for (const folder of namesIn(this.folder)) {
      if (!FOLDER_NAME.test(folder)) continue;
      try {
        yield* this.listFolder(folder, onOther);
      } catch (error) {
        if (!(error instanceof FoldError) || onUnreadable === undefined) throw error;
        onUnreadable(error);
      }
    }
  }

  private *listFolder(folder: string, onOther?: (object: string) => void): Generator<ListedObject> {
    for (const object of namesIn(join(this.folder, folder))) {
      if (!OBJECT_NAME.test(object) || !object.startsWith(folder)) continue;
      const stat = statOf(join(this.folder, folder, object));
      if (stat?.isFile()) yield { object, size: stat.size, modified_ms: stat.mtimeMs };
      else if (stat !== null) onOther?.(object);
    }
  }

  /** What collections have taken out that go on, or did not end. */
  *listTrash(): Generator<ListedObject> {
    for (const run of namesIn(this.trashFolder)) {
      for (const object of namesIn(join(this.trashFolder, run))) {
        const stat = OBJECT_NAME.test(object) ? statOf(join(this.trashFolder, run, object)) : null;
        if (stat !== null) yield { object, size: stat.size, modified_ms: stat.mtimeMs };
      }
    }
  }

  private stat(object: string): Stats | null {
    return this.inPlace(object, (path) => statSync(path));
  }

  /**
   * Do something with an object where it is; null where there is none, and where something else than a file stands.
   *
   * A garbage collection takes objects away before it looks a last time whether they are needed, and may be ended
   * right then: what is in the trash is not lost, and whoever asks for it puts it back.
   */
  private inPlace<T>(object: string, act: (path: string) => T): T | null {
    const path = this.path(object);
    for (let look = 1; look <= MAX_LOOKS; look++) {
      try {
        // Looked at first: of new objects most are not there, and an error takes longer to make than to avoid.
        if (statOf(path)?.isFile()) return act(path);
      } catch (error) {
        if (!isMissing(error)) throw fromSystemError(error, "read the object", path);
      }
      const runs = statOf(this.trashFolder) === null ? [] : namesIn(this.trashFolder);
      if (runs.length === 0 && look > 1) return null;
      for (const run of runs) this.putBack(object, join(this.trashFolder, run, object));
    }
    return null;
  }

  /**
   * Give an object in the trash its place again; false when it is not there any more.
   *
   * Somebody may have written it anew meanwhile, because this one is damaged: of the two the sound one stays.
   */
  putBack(object: string, from: string): boolean {
    const path = this.path(object);
    try {
      if (this.files.renameToFree(from, path)) return true;
      if (!isSound(object, path) && isSound(object, from)) this.files.rename(from, path);
      else this.files.unlink(from);
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw fromSystemError(error, "rename the object", from);
    }
  }

  /**
   * Take a damaged object out of use; what it looked like is kept.
   *
   * Looking at it and taking it are two steps: an add may have put a sound one there in between, and gets it back.
   */
  quarantine(object: string): void {
    const place = join(this.quarantineFolder, `${object}.${crypto.randomUUID().slice(0, 8)}`);
    try {
      this.files.makeFolder(this.quarantineFolder);
      this.files.rename(this.path(object), place);
      if (isSound(object, place)) this.putBack(object, place);
    } catch (error) {
      // Somebody else was faster.
      if (!isMissing(error)) throw fromSystemError(error, "rename the damaged object", this.path(object));
    }
  }
}

function isSound(object: string, path: string): boolean {
  try {
    return hashFile(path).sha256 === object;
  } catch {
    // Why it cannot be read was told by whoever read it first.
    return false;
  }
}

function missing(object: string): FoldError {
  return new FoldError("not_found", `object ${object} is missing`, MEND);
}

function damaged(object: string): FoldError {
  return new FoldError("corrupt", `object ${object} is damaged: its content does not match its name`, MEND);
}

const MEND = "`fold store verify --repair-from PATH` takes it from another store or from archives that hold the same";
