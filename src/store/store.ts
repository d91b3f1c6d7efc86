import { readdirSync, type Stats, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { INTERNER, MANIFEST } from "../archive/manifest.ts";
import { isMissing } from "../disk.ts";
import { FoldError, fromSystemError } from "../errors.ts";
import { addArchive } from "./add-archive.ts";
import { addFile, addFolder } from "./add-files.ts";
import { Adding, storeCopy } from "./adding.ts";
import { type Collected, type CollectOptions, collect } from "./collect.ts";
import { breathe, Files, followed, isLink, type Pause, statOf } from "./files.ts";
import { checkName, checkNewName, placesOf, WORK_ENDING } from "./layout.ts";
import { type ReferencePlace, referencesIn } from "./needed.ts";
import { ObjectStore } from "./object-store.ts";
import { encodeReference, isSame, REFERENCE_ENDING, type Reference, readReference } from "./reference.ts";
import { ReferencedArchive } from "./referenced.ts";
import { type StoredArchive, WHOLE_ENDING } from "./stored-archive.ts";
import { PlainFolder, WholeArchive } from "./whole.ts";

/** What was added. */
export interface Added {
  readonly reference: Reference;
  /** False when the same stood under that name already. */
  readonly isNew: boolean;
  /** Objects that were not there before, and their bytes. */
  readonly new_objects: number;
  readonly new_bytes: number;
}

/** A name that others take and leave all the time is tried so often. */
const MAX_LOOKS = 100;

/** Writes the reference of an add to a path; false where something stands that may not be replaced. */
type Publish = (place: string, mayReplace?: boolean) => boolean;

/**
 * The archives of a state directory: objects, and references to them in archives/.
 *
 * The references are all the index there is; what the objects are is in their names. So there is nothing that could
 * disagree with them, and a lost reference is found again among the objects (check.ts).
 *
 * @example
 * const store = new Store("fold_state");
 * await store.add("book.tar.zst", "book");
 * await (await store.find("book")).restore("copy.tar.zst", breathe);
 */
export class Store {
  readonly objects: ObjectStore;
  readonly archives: string;
  /** Where references stand, in the direction in which jobs take them. */
  readonly places: readonly ReferencePlace[];

  constructor(stateDir: string, files = new Files()) {
    this.objects = new ObjectStore(join(stateDir, "objects"), files);
    this.places = placesOf(stateDir);
    this.archives = this.places[0].folder;
  }

  /**
   * The file of a reference of that name, which need not be there.
   *
   * @throws FoldError `usage` for a name that no archive may have; those that one has from before are taken
   */
  fileOf(name: string): string {
    try {
      checkName(name, REFERENCE_ENDING);
    } catch (error) {
      if (!this.names().includes(name)) throw error;
    }
    return join(this.archives, `${name}${REFERENCE_ENDING}`);
  }

  /** Names of all archives, in whatever form they are kept, sorted. */
  names(): string[] {
    return [...new Set([...this.referenced(), ...wholesBelow(this.archives)])].sort();
  }

  /** Names of the archives that are kept as objects. */
  referenced(): string[] {
    return [...referencesIn(this.places[0])].map(({ name }) => name);
  }

  /** The archives that are whole files or plain folders, from before there were objects. */
  wholes(): StoredArchive[] {
    const { files } = this.objects;
    return [...wholesBelow(this.archives)].map((name) => {
      const whole = join(this.archives, `${name}${WHOLE_ENDING}`);
      if (statOf(whole)?.isFile()) return new WholeArchive(name, whole, files);
      return new PlainFolder(name, join(this.archives, name), files);
    });
  }

  /**
   * An archive by its name: as objects, else as a whole tar.zst file or a plain folder from before.
   *
   * @throws FoldError `not_found`, or `corrupt` for a reference that is damaged
   */
  find(name: string): StoredArchive {
    const file = this.fileOf(name);
    if (isReference(file)) return new ReferencedArchive(name, file, readReference(file), this.objects);
    const whole = join(this.archives, `${name}${WHOLE_ENDING}`);
    if (statOf(whole)?.isFile()) return new WholeArchive(name, whole, this.objects.files);
    const folder = join(this.archives, name);
    if (isPlainArchive(folder)) return new PlainFolder(name, folder, this.objects.files);
    throw new FoldError("not_found", `there is no archive ${name} in ${this.archives}`, "`fold store ls` lists them");
  }

  /**
   * Store a file or a folder under a name. An archive of fold's own is kept member by member.
   *
   * What fails leaves nothing behind: neither a reference nor objects that were not there before.
   *
   * @throws FoldError `usage` where something else stands under that name, or nothing may
   */
  async add(path: string, name: string, pause: Pause = breathe): Promise<Added> {
    const file = this.fileOf(name);
    checkNewName(name);
    if (isManifest(file)) {
      const hint = "give another name with --name";
      throw new FoldError("usage", `${file} belongs to the archive that is unpacked there`, hint);
    }
    let standing: Reference | null = null;
    let isNew = false;
    const publishThere = (publish: Publish, reference: Reference) => {
      // Another add of that name may come in between, and a removal behind it.
      for (let look = 1; !isNew; look++) {
        standing = this.standing(reference, file);
        if (standing !== null) return;
        if (look > MAX_LOOKS) throw new FoldError("failed", `${file} comes and goes`, "try again when it is at rest");
        this.makeFolder(dirname(file));
        isNew = publish(file, false);
      }
    };
    const { reference, written } = await this.addTo(path, name, publishThere, pause);
    if (standing !== null) storeCopy(this.objects, encodeReference(standing));
    const sizes = [...written.values()];
    return { reference, isNew, new_objects: sizes.length, new_bytes: sizes.reduce((sum, size) => sum + size, 0) };
  }

  /**
   * Store a file or a folder, and let the caller say where its reference goes, if anywhere.
   *
   * @param place called once, when all objects are there, with a function that writes the reference to a path
   */
  async addTo(
    path: string,
    name: string,
    place: (publish: Publish, reference: Reference) => void,
    pause: Pause = breathe,
  ): Promise<{ reference: Reference; written: ReadonlyMap<string, number> }> {
    const adding = new Adding(this.objects);
    let isDone = false;
    try {
      const reference = await this.take(path, name, adding, pause);
      await adding.settleAll();
      place((file, mayReplace) => adding.publish(file, reference, mayReplace), reference);
      isDone = true;
      return { reference, written: adding.written };
    } finally {
      adding.end();
      if (!isDone) await this.sweep(adding.written);
    }
  }

  private async take(path: string, name: string, adding: Adding, pause: Pause): Promise<Reference> {
    let stat: Stats;
    try {
      stat = statSync(path);
    } catch (error) {
      throw fromSystemError(error, "read the file", path);
    }
    if (stat.isDirectory()) return await addFolder(path, stat, name, adding, pause);
    if (!stat.isFile()) throw new FoldError("usage", `${path} is no file and no folder`, "give one or the other");
    return (await addArchive(path, name, adding, pause)) ?? (await addFile(path, name, adding, pause));
  }

  /**
   * Forget an archive. Its objects stay until a garbage collection finds that nobody needs them; a whole file or a plain
   * folder is gone at once.
   *
   * @returns the form that it was kept in: where a name stands in several, the reference goes first
   * @throws FoldError `not_found`; `usage` for an unpacked one with other archives in its folder, which would go with it
   */
  remove(name: string): StoredArchive["form"] {
    const { files } = this.objects;
    // A damaged reference can be removed, too.
    const file = this.fileOf(name);
    const isReferenced = isReference(file) || leadsNowhere(file);
    const { place, form } = isReferenced ? { place: file, form: "objects" as const } : this.find(name);
    const isFolder = form === "folder";
    if (isFolder) expectAlone(name, place);
    try {
      if (isFolder) files.remove(place);
      else files.unlink(place);
      files.syncFolder(dirname(place));
    } catch (error) {
      throw fromSystemError(error, "remove the archive", place);
    }
    return form;
  }

  /** Delete the objects that nobody needs. */
  collect(options: Omit<CollectOptions, "places" | "among">, pause: Pause = breathe): Promise<Collected> {
    return collect(this.objects, { ...options, places: this.places }, pause);
  }

  /** Delete objects that a failed add has left, unless somebody else needs them by now. */
  private async sweep(written: ReadonlyMap<string, number>): Promise<void> {
    if (written.size === 0) return;
    const among = [...written].map(([object, size]) => ({ object, size, modified_ms: 0 }));
    try {
      await collect(this.objects, { places: this.places, grace_ms: 0, isDry: false, among }, breathe);
    } catch (error) {
      // What stays is deleted by the next garbage collection; why the add failed is what counts.
      if (!(error instanceof FoldError)) throw error;
    }
  }

  /** The reference that stands for the same already; null where none does. */
  private standing(reference: Reference, file: string): Reference | null {
    const { name } = reference;
    if (leadsNowhere(file)) {
      throw new FoldError("usage", `${file} is a link to nothing`, `\`fold store rm ${name}\` removes it`);
    }
    const stat = statOf(file);
    if (stat === null) return null;
    if (!stat.isFile()) throw new FoldError("usage", `${file} is no file`, "give another name with --name");
    const known = readReference(file);
    if (isSame(known, reference)) return known;
    const hint = "remove it first with `fold store rm`, or give another name with --name";
    throw new FoldError("usage", `another archive is called ${name}`, hint);
  }

  private makeFolder(folder: string): void {
    try {
      this.objects.files.makeFolder(folder);
    } catch (error) {
      throw fromSystemError(error, "create the folder", folder);
    }
  }
}

/** The name that a file or folder gets when none is given. */
export function defaultName(path: string): string {
  const name = basename(path);
  return name.endsWith(WHOLE_ENDING) && name.length > WHOLE_ENDING.length ? name.slice(0, -WHOLE_ENDING.length) : name;
}

/**
 * Names of the archives below a folder that are whole files or plain folders, or symbolic links to such. Links to other
 * folders are left alone: they may make a circle.
 */
function* wholesBelow(folder: string, inside = ""): Generator<string> {
  let names: string[];
  try {
    names = readdirSync(join(folder, inside));
  } catch (error) {
    if (isMissing(error)) return;
    throw fromSystemError(error, "list the folder", join(folder, inside));
  }
  for (const name of names) {
    if (name.startsWith(".") || name.endsWith(WORK_ENDING)) continue;
    const path = inside === "" ? name : `${inside}/${name}`;
    const stat = followed(join(folder, path));
    if (stat?.isFile() && path.endsWith(WHOLE_ENDING)) yield path.slice(0, -WHOLE_ENDING.length);
    if (!stat?.isDirectory()) continue;
    if (isPlainArchive(join(folder, path))) yield path;
    else if (!isLink(join(folder, path))) yield* wholesBelow(folder, path);
  }
}

/** Whether a reference stands there, and not a folder in which others do. */
function isReference(file: string): boolean {
  return followed(file)?.isFile() === true && !isManifest(file);
}

/** Whether a link stands there that once may have led to a reference. */
function leadsNowhere(file: string): boolean {
  return isLink(file) && followed(file) === null;
}

/** Whether a path is that of the manifest of an archive that somebody has unpacked. */
function isManifest(path: string): boolean {
  return basename(path) === MANIFEST && statOf(join(dirname(path), INTERNER))?.isFile() === true;
}

/** Expect that there is no archive in the folder of an unpacked one but itself. */
function expectAlone(name: string, folder: string): void {
  const references = [...referencesIn({ folder, ending: REFERENCE_ENDING })].map((found) => found.name);
  const [other] = [...references, ...wholesBelow(folder)];
  if (other === undefined) return;
  const message = `${name} cannot be removed: the archive ${name}/${other} is kept in its folder`;
  throw new FoldError("usage", message, "remove that one first, or move it to another folder");
}

function isPlainArchive(folder: string): boolean {
  return statOf(join(folder, INTERNER)) !== null && statOf(join(folder, MANIFEST)) !== null;
}
