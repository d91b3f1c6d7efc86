/**
 * One add: objects, then the reference to them, kept safe from a garbage collection that runs at the same moment.
 *
 * An add has a folder `objects/.adding/<token>/`: a journal of the objects that it needs, and everything that is not
 * finished. It does, in this order:
 *
 *     A1  write the object's name into the journal
 *     A2  look whether the object is in its place: refresh its time if so, else write it and rename it there
 *     A3  when all are there, look once more; rename the finished reference out of its own folder to its name
 *     A4  remove the folder
 *
 * A garbage collection (collect.ts) takes an object out of its place (G2) and only then reads first the journals and
 * then the references (G3); what neither names it deletes (G4), all else it puts back. So if A2 has seen an object in
 * its place that is then taken away, A1 came before G2, and G3 finds the name in the journal; or the journal is gone
 * because A4 is done, and then the reference was there before G3 looked for references. And if A1 comes too late for
 * G3, A2 comes later still and finds the object gone: the add writes its own.
 *
 * A journal that has not been touched for a while is that of a dead add: a collection renames its folder away. Should
 * the add only have slept, its renames fail from then on, that of the reference above all, because they start in
 * that folder. So an add that nobody waits for any more cannot publish.
 */
import { closeSync, existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { FoldError, fromSystemError } from "../errors.ts";
import { hashFile, isMissing, statOf } from "./files.ts";
import type { ObjectStore } from "./object-store.ts";

/** Names of the objects that an add needs, one a line. */
export const JOURNAL = "objects";
/** A living add touches its journal at least this often. */
const HEARTBEAT_MS = 20_000;

/** An object that was stored. */
export interface StoredObject {
  /** SHA-256 of its content, in hexadecimal. */
  readonly object: string;
  readonly size: number;
}

/** An add that is going on. Whoever begins one ends it, whatever happens. */
export class Adding {
  /** Objects that were not there before, with their sizes. */
  readonly written = new Map<string, number>();
  private readonly folder: string;
  private readonly journal: number;
  private readonly needed = new Map<string, number>();
  private readonly unsynced = new Set<string>();
  private touched_ms = performance.now();
  private temporaries = 0;

  constructor(private readonly objects: ObjectStore) {
    this.folder = join(objects.addingFolder, crypto.randomUUID());
    const journal = join(this.folder, JOURNAL);
    try {
      objects.files.makeFolder(this.folder);
      this.journal = objects.files.create(journal);
    } catch (error) {
      throw fromSystemError(error, "create the folder", this.folder);
    }
  }

  /** Store bytes; what is there already is not written again. */
  put(bytes: Uint8Array): StoredObject {
    const object = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
    const stored = { object, size: bytes.length };
    if (this.isThere(stored)) return stored;
    return this.putPieces([bytes]);
  }

  /** Store what comes in pieces, in constant memory. */
  putPieces(pieces: Iterable<Uint8Array>): StoredObject {
    const writer = this.begin();
    try {
      for (const piece of pieces) writer.write(piece);
      return this.place(writer);
    } catch (error) {
      throw this.explain(error);
    } finally {
      writer.close();
    }
  }

  /** Store a stream of unknown length, in constant memory. */
  async putStream(pieces: AsyncIterable<Uint8Array>): Promise<StoredObject> {
    const writer = this.begin();
    try {
      for await (const piece of pieces) writer.write(piece);
      return this.place(writer);
    } catch (error) {
      throw this.explain(error);
    } finally {
      writer.close();
    }
  }

  /** Give a reference to the objects of this add its name: from now on they are needed by more than this add. */
  publish(path: string, reference: Uint8Array): void {
    const temporary = join(this.folder, "reference.tmp");
    const { files } = this.objects;
    this.syncFolders();
    this.expectAll();
    try {
      files.makeFolder(dirname(path));
      const file = files.create(temporary);
      try {
        files.write(file, reference, temporary);
      } finally {
        files.seal(file, temporary);
      }
      files.rename(temporary, path);
      files.syncFolder(dirname(path));
    } catch (error) {
      throw this.explain(error);
    }
    this.expectAll();
  }

  /** Make the names of all objects survive a power cut. */
  syncFolders(): void {
    try {
      for (const folder of this.unsynced) this.objects.files.syncFolder(folder);
      this.unsynced.clear();
    } catch (error) {
      throw this.explain(error);
    }
  }

  /** Say that the add is alive. To be called now and then while nothing is stored. */
  heartbeat(): void {
    if (performance.now() - this.touched_ms < HEARTBEAT_MS) return;
    this.touched_ms = performance.now();
    try {
      this.objects.files.touch(join(this.folder, JOURNAL));
    } catch (error) {
      throw this.explain(error);
    }
  }

  /** Leave nothing of the add but objects and references: for every way out. */
  end(): void {
    closeSync(this.journal);
    try {
      this.objects.files.remove(this.folder);
    } catch {
      // What is left there harms nobody and goes with the next garbage collection.
    }
  }

  private begin(): ObjectWriter {
    try {
      return new ObjectWriter(this, this.objects, join(this.folder, `${this.temporaries++}.tmp`));
    } catch (error) {
      throw this.explain(error);
    }
  }

  /** Give a finished file its name, or throw it away where there is one of that name already. */
  private place(writer: ObjectWriter): StoredObject {
    const stored = writer.finish();
    if (this.isThere(stored)) {
      this.objects.files.remove(writer.path);
      return stored;
    }
    const path = this.objects.path(stored.object);
    const folder = dirname(path);
    if (!existsSync(folder)) {
      this.objects.files.makeFolder(folder);
      this.unsynced.add(this.objects.folder);
    }
    this.objects.files.rename(writer.path, path);
    this.unsynced.add(folder);
    this.written.set(stored.object, stored.size);
    return stored;
  }

  /** A1 and the first half of A2: whether the object is in its place, with its time refreshed. */
  private isThere({ object, size }: StoredObject): boolean {
    try {
      if (!this.needed.has(object)) this.note(object);
      this.needed.set(object, size);
      const path = this.objects.path(object);
      const stat = statOf(path);
      if (stat === null) return false;
      if (stat.size !== size) {
        this.objects.quarantine(object);
        return false;
      }
      this.objects.files.touch(path);
      this.heartbeat();
      return true;
    } catch (error) {
      // Taken away between the two looks.
      if (isMissing(error) && existsSync(this.folder)) return false;
      throw this.explain(error);
    }
  }

  private note(object: string): void {
    this.objects.files.write(this.journal, new TextEncoder().encode(`${object}\n`), join(this.folder, JOURNAL));
    this.touched_ms = performance.now();
  }

  private expectAll(): void {
    for (const [object, size] of this.needed) {
      if (this.objects.has(object) && this.objects.size(object) === size) continue;
      const hint = "something else than fold has changed the objects; add it again";
      throw new FoldError("corrupt", `object ${object} has vanished while it was being added`, hint);
    }
  }

  private explain(error: unknown): FoldError {
    if (!(error instanceof FoldError) && isMissing(error) && !existsSync(this.folder)) {
      const hint = "it slept for too long, and a garbage collection took it for dead: add it again";
      return new FoldError("lease_lost", "the add was given up", hint, error);
    }
    return fromSystemError(error, "write to the object store", this.objects.folder);
  }
}

/** One object in the making: a temporary file in the folder of its add. */
class ObjectWriter {
  private readonly hash = new Bun.CryptoHasher("sha256");
  private size = 0;
  private file: number;

  constructor(
    private readonly adding: Adding,
    private readonly objects: ObjectStore,
    readonly path: string,
  ) {
    this.file = objects.files.create(path);
  }

  write(piece: Uint8Array): void {
    this.hash.update(piece);
    this.size += piece.length;
    this.objects.files.write(this.file, piece, this.path);
    this.adding.heartbeat();
  }

  /** Put the content on the disk and read it back: what has a name has been seen to match it. */
  finish(): StoredObject {
    const { file } = this;
    this.file = -1;
    this.objects.files.seal(file, this.path);
    const object = this.hash.digest("hex");
    const found = hashFile(this.path);
    if (found.sha256 !== object || found.size !== this.size) {
      const hint = "the disk or the memory of this machine is failing";
      throw new FoldError("corrupt", `${this.path} does not hold what was written to it`, hint);
    }
    return { object, size: this.size };
  }

  close(): void {
    if (this.file >= 0) closeSync(this.file);
    this.file = -1;
  }
}

/** Whether a journal's folder was touched within the time that a living add needs. */
export function isAlive(folder: string, since_ms: number): boolean {
  const stat = statOf(join(folder, JOURNAL)) ?? statOf(folder);
  return stat !== null && stat.mtimeMs >= since_ms;
}

/** The names in a journal; none where the add has just ended. */
export function readJournal(folder: string): string[] {
  try {
    return readFileSync(join(folder, JOURNAL), "utf8")
      .split("\n")
      .filter((name) => name.length === 64);
  } catch (error) {
    if (isMissing(error)) return [];
    throw fromSystemError(error, "read the journal", folder);
  }
}
