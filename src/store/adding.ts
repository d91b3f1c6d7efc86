/**
 * An add: objects, then the reference to them, kept safe from a garbage collection that runs at the same moment.
 *
 * An add has a folder `objects/.adding/<token>/`: a journal of the objects that it needs, and everything that is not
 * finished. It does, in this order:
 *
 *     A1  write the object's name into the journal
 *     A2  look whether the object is in its place or in the trash, and refresh its time; else write it there
 *     A3  when all are there, rename the finished reference out of its own folder to its name
 *     A4  remove the folder
 *
 * A garbage collection (collect.ts) takes an object out of its place (G2) and only then reads first the journals and
 * then the references (G3); what neither names it deletes (G4), all else it puts back. So if A2 has seen an object in
 * its place that is then taken away, A1 came before G2, and G3 finds the name in the journal; or the journal is gone
 * because A4 is done, and then the reference was there before G3 looked for references. And if A1 comes too late for
 * G3, A2 comes later still and finds the object in the trash or gone: it puts it back, or writes its own.
 *
 * A journal that has not been touched for a while is that of a dead add: a collection renames its folder away. Should
 * the add only have slept, its renames fail from then on, that of the reference above all, because they start in
 * that folder. So an add that nobody waits for any more cannot publish.
 */
import { closeSync, existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { sha256 } from "../archive/manifest.ts";
import { isMissing } from "../disk.ts";
import { FoldError, fromSystemError } from "../errors.ts";
import { statOf } from "./files.ts";
import type { ObjectStore } from "./object-store.ts";
import { ObjectWriter, type StoredObject } from "./object-writer.ts";
import { encodeReference, MAX_REFERENCE_BYTES, objectsOf, type Reference } from "./reference.ts";

/** Names of the objects that an add needs, one a line. */
const JOURNAL = "objects";
/** A living add touches its journal at least this often. */
const HEARTBEAT_MS = 20_000;
/** So many objects, or so much of them, are seen to the disk at a time. */
const MOST_WAITING = 64;
const MOST_WAITING_BYTES = 32 << 20;
/** An add whose journal was not touched for so long is dead. */
const DEAD_AFTER_MS = 600_000;

/** An add that is going on. Whoever begins one ends it, whatever happens. */
export class Adding {
  /** Objects that were not there before, with their sizes. */
  readonly written = new Map<string, number>();
  private readonly folder: string;
  private readonly journal: number;
  private readonly needed = new Map<string, number>();
  private readonly unsynced = new Set<string>();
  /** Written, but not yet seen to the disk and named. */
  private readonly waiting = new Map<string, ObjectWriter>();
  private waiting_bytes = 0;
  /** On their way to the disk. */
  private readonly syncing = new Map<string, ObjectWriter>();
  private synced: Promise<unknown> = Promise.resolve();
  private touched_ms = performance.now();
  private temporaries = 0;

  constructor(private readonly objects: ObjectStore) {
    this.folder = join(objects.addingFolder, crypto.randomUUID());
    try {
      objects.files.makeFolder(objects.folder);
      objects.files.makePassingFolder(this.folder);
      this.journal = objects.files.create(join(this.folder, JOURNAL));
    } catch (error) {
      throw fromSystemError(error, "create the folder", this.folder);
    }
  }

  /**
   * Store bytes; what is there already is not written again.
   *
   * @param object their SHA-256, where it is known already; it is compared with what the disk gives back
   */
  put(bytes: Uint8Array, object: string = sha256(bytes)): StoredObject {
    return this.guard(() => {
      const stored = { object, size: bytes.length };
      if (this.waiting.has(object) || this.syncing.has(object) || this.isThere(stored)) return stored;
      const writer = this.begin(object);
      this.waiting.set(object, writer);
      writer.write(bytes);
      this.waiting_bytes += bytes.length;
      return stored;
    });
  }

  /** Begin to see to the disk what `put` has written, when there is enough that it pays, and name what was seen to it. */
  async settle(isAll = false): Promise<void> {
    if (!isAll && this.waiting.size < MOST_WAITING && this.waiting_bytes < MOST_WAITING_BYTES) return;
    await this.settleSyncing();
    for (const [object, writer] of this.waiting) this.syncing.set(object, writer);
    this.waiting.clear();
    this.waiting_bytes = 0;
    // What fails here is told by `finish`, which then does it itself.
    this.synced = Promise.allSettled([...this.syncing.values()].map((writer) => writer.sync()));
  }

  /** See all that was put to the disk, several objects and folders at a time, so that `publish` has little to wait for. */
  async settleAll(): Promise<void> {
    await this.settle(true);
    await this.settleSyncing();
    const folders = [...this.unsynced];
    const synced = await Promise.allSettled(folders.map((folder) => this.objects.files.syncFolderAside(folder)));
    // What fails here is told by `publish`, which then does it itself.
    for (const [number, { status }] of synced.entries()) {
      if (status === "fulfilled") this.unsynced.delete(folders[number]);
    }
  }

  /** Name what is being seen to the disk, as soon as it is there. */
  async settleSyncing(): Promise<void> {
    await this.synced;
    this.placeAll(this.syncing);
  }

  /** Name all that `put` has written, waiting for the disk as often as it takes. Nothing may be on its way there. */
  settleNow(): void {
    this.placeAll(this.syncing);
    this.placeAll(this.waiting);
    this.waiting_bytes = 0;
  }

  private placeAll(writers: Map<string, ObjectWriter>): void {
    this.guard(() => {
      for (const writer of writers.values()) this.place(writer);
    });
    writers.clear();
  }

  /** Store what comes in pieces, in constant memory. */
  async putStream(pieces: AsyncIterable<Uint8Array>): Promise<StoredObject> {
    const writer = this.guard(() => this.begin());
    try {
      for await (const piece of pieces) {
        this.guard(() => {
          writer.write(piece);
          this.heartbeat();
        });
      }
      return this.guard(() => this.place(writer));
    } finally {
      writer.close();
    }
  }

  /**
   * Give a reference to the objects of this add its name: from now on they are needed by more than this add.
   *
   * The reference becomes an object, too, so that it can be had back when its file is lost.
   *
   * @param path in a folder that is there
   * @param mayReplace whether a reference that is there makes way
   * @returns false where one is there and does not
   * @throws FoldError `usage` for a reference that is larger than any may be
   */
  publish(path: string, reference: Reference, mayReplace = true): boolean {
    const bytes = encodeReference(reference);
    if (bytes.length > MAX_REFERENCE_BYTES) {
      const hint = "add the folders in it one by one";
      throw new FoldError("usage", `${reference.name} has too many files for one reference`, hint);
    }
    const temporary = join(this.folder, "reference.tmp");
    this.put(bytes);
    this.settleNow();
    return this.guard(() => {
      this.expectAll();
      this.syncFolders();
      const { files } = this.objects;
      const file = files.create(temporary);
      try {
        files.write(file, bytes, temporary);
      } finally {
        files.seal(file, temporary);
      }
      if (mayReplace) files.rename(temporary, path);
      else if (!files.renameToFree(temporary, path)) {
        files.unlink(temporary);
        return false;
      }
      files.syncFolder(dirname(path));
      return true;
    });
  }

  /**
   * Do something, a rename of a finished reference for instance, while all of its objects are kept. Objects that are
   * missing are no hindrance: a reference to them is as good in one place as in the other.
   */
  whileKept<T>(reference: Reference, act: () => T): T {
    return this.guard(() => {
      const own = encodeReference(reference);
      const objects = objectsOf(reference).set(sha256(own), own.length);
      for (const [object, size] of objects) {
        this.note(object, size);
        this.objects.refresh(object);
      }
      return act();
    });
  }

  /** Make the names of all objects survive a power cut. */
  syncFolders(): void {
    this.guard(() => {
      for (const folder of this.unsynced) this.objects.files.syncFolder(folder);
    });
    this.unsynced.clear();
  }

  /** Leave nothing of the add but objects and references: for every way out. */
  end(): void {
    for (const writer of [...this.waiting.values(), ...this.syncing.values()]) writer.close();
    closeSync(this.journal);
    try {
      this.objects.files.remove(this.folder);
    } catch {
      // What is left there harms nobody and goes with the next garbage collection.
    }
  }

  private begin(known: string | null = null): ObjectWriter {
    return new ObjectWriter(join(this.folder, `${this.temporaries++}.tmp`), this.objects.files, known);
  }

  /** Give a finished file its name, or throw it away where there is one of that name already. */
  private place(writer: ObjectWriter): StoredObject {
    const stored = writer.finish();
    const { files } = this.objects;
    if (this.isThere(stored)) {
      files.remove(writer.path);
      return stored;
    }
    const path = this.objects.path(stored.object);
    const folder = dirname(path);
    if (!existsSync(folder)) files.makePassingFolder(folder);
    files.rename(writer.path, path);
    this.syncLater(folder);
    this.written.set(stored.object, stored.size);
    return stored;
  }

  /**
   * A1 and the first half of A2: whether the object is in its place, with its time refreshed.
   *
   * It is read, so that an add never relies on what is damaged; a damaged one makes way for the new one.
   */
  private isThere({ object, size }: StoredObject): boolean {
    this.note(object, size);
    const found = this.objects.hash(object);
    if (found !== null && found !== object) this.objects.quarantine(object);
    if (found !== object || !this.objects.refresh(object)) return false;
    this.syncLater(dirname(this.objects.path(object)));
    this.heartbeat();
    return true;
  }

  /**
   * See a folder of objects to the disk once for all that is in it, before the reference. That of an object that was there
   * already, too, and the folder of folders: whoever made them may not have come to that yet.
   */
  private syncLater(folder: string): void {
    this.unsynced.add(folder).add(this.objects.folder);
  }

  private note(object: string, size: number): void {
    if (this.needed.has(object)) return;
    this.objects.files.write(this.journal, new TextEncoder().encode(`${object}\n`), join(this.folder, JOURNAL));
    this.needed.set(object, size);
    this.touched_ms = performance.now();
  }

  /** Say that the add is alive, while nothing is noted. */
  private heartbeat(): void {
    if (performance.now() - this.touched_ms < HEARTBEAT_MS) return;
    this.touched_ms = performance.now();
    this.objects.files.touch(join(this.folder, JOURNAL));
  }

  private expectAll(): void {
    for (const [object, size] of this.needed) {
      if (this.objects.has(object) && this.objects.size(object) === size) continue;
      const hint = "something else than fold has changed the objects; add it again";
      throw new FoldError("corrupt", `object ${object} has vanished while it was being added`, hint);
    }
  }

  private guard<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      if (!(error instanceof FoldError) && isMissing(error) && !existsSync(this.folder)) {
        const hint = "it slept for too long, and a garbage collection took it for dead: add it again";
        throw new FoldError("lease_lost", "the add was given up", hint, error);
      }
      throw fromSystemError(error, "write to the object store", this.objects.folder);
    }
  }
}

/**
 * Store the bytes of a reference that stands already: it is an object, too, from which it can be had back.
 *
 * @throws FoldError when the store cannot be written to
 */
export function storeCopy(objects: ObjectStore, reference: Uint8Array): void {
  const adding = new Adding(objects);
  try {
    adding.put(reference);
    adding.settleNow();
    adding.syncFolders();
  } finally {
    adding.end();
  }
}

/** Whether the add of a folder is still going on; one that has just ended counts as well. */
export function isAlive(folder: string): boolean {
  const stat = statOf(join(folder, JOURNAL)) ?? statOf(folder);
  return stat === null || stat.mtimeMs >= Date.now() - DEAD_AFTER_MS;
}

/** The names in a journal; none where the add has just ended. */
export function readJournal(folder: string): string[] {
  try {
    return readFileSync(join(folder, JOURNAL), "utf8").split("\n");
  } catch (error) {
    if (isMissing(error)) return [];
    throw fromSystemError(error, "read the journal", folder);
  }
}
