import { createHash } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { INTERNER } from "../../archive/manifest.ts";
import { FoldError, type FoldErrorCode } from "../../errors.ts";
import { Adding } from "../../store/adding.ts";
import { breathe, statOf } from "../../store/files.ts";
import { TAKEN_ENDING } from "../../store/layout.ts";
import { REFERENCE_ENDING, type Reference, readReference } from "../../store/reference.ts";
import { ReferencedArchive } from "../../store/referenced.ts";
import { Store } from "../../store/store.ts";
import { type StoredArchive, WHOLE_ENDING } from "../../store/stored-archive.ts";
import { WholeArchive } from "../../store/whole.ts";
import { describeArchive, entryOf } from "../describe-archive.ts";
import { earlierPathOfName, pathOfName } from "../names.ts";
import type { ArchiveEntry, DamagedArchive } from "../port.ts";
import { makeFolder, move, moveQuickly, seeFolderToDisk, storeFiles } from "./files.ts";
import { filesBelow } from "./layout.ts";
import { SharedSyncs } from "./shared-syncs.ts";

/** The forms in which an archive stands on the shelf, the one that is looked for first in front. */
const FORMS = [
  { shelved: REFERENCE_ENDING, taken: TAKEN_ENDING },
  { shelved: WHOLE_ENDING, taken: WHOLE_ENDING },
] as const;
type Form = (typeof FORMS)[number];

/**
 * The published archives of a state directory, in folders as their names say: references to objects, and whole files:
 * small ones, those of `fold run`, and those from before there were objects.
 */
export class ArchiveShelf {
  readonly store: Store;
  readonly folder: string;
  private readonly syncs = new SharedSyncs(seeFolderToDisk);
  /** What was read of each archive, while its file is the same. */
  private readonly known = new Map<string, { readonly version: string; readonly entry: ArchiveEntry }>();

  constructor(stateDir: string) {
    this.store = new Store(stateDir, storeFiles);
    this.folder = this.store.archives;
  }

  /**
   * All archives that can be read, by name.
   *
   * @param isQuick believe what was read before under a name: enough to choose among thousands, again and again, by
   * whoever looks at the chosen ones with `entry`
   */
  async list(isQuick = false): Promise<ArchiveEntry[]> {
    const read = (name: string) => (isQuick ? this.known.get(name)?.entry : undefined) ?? this.entry(name);
    const entries = await Promise.all(this.names().map(read));
    return entries.filter((entry) => entry !== null);
  }

  /** The archives that `list` leaves out, by name, with what is wrong with them. */
  async damaged(): Promise<DamagedArchive[]> {
    const found: DamagedArchive[] = [];
    for (const name of this.names()) {
      if ((await this.entry(name)) !== null) continue;
      const error = await this.troubleWith(this.placeOf(name));
      if (error !== null) found.push({ name, error });
    }
    return found;
  }

  /** Of all that stands on the shelf, in whatever form. */
  private names(): string[] {
    const names = new Set<string>();
    for (const path of filesBelow(this.folder)) {
      const form = FORMS.find(({ shelved }) => path.endsWith(shelved));
      if (form !== undefined && !basename(dirname(path)).endsWith(".work"))
        names.add(path.slice(0, -form.shelved.length));
    }
    // Not in the order of their paths: the ending and the borders of folders come in between.
    return [...names].sort();
  }

  /** Whether something stands under a name, be it whole or damaged. */
  has(name: string): boolean {
    return this.filesOf(name).length > 0;
  }

  /**
   * What stands where a file is to be published: an archive of that name in any form, or a folder in its very place.
   * Mostly there is one at most; `fold run` may have put another form beside it.
   */
  inTheWay(file: string, name: string): string[] {
    const own = this.base(name) + formOf(file).shelved;
    return this.places(name).filter((path) => (path === own ? existsSync(path) : isFile(path)));
  }

  /** Make a file of an archive, so that whoever reads it does not lose it to a merge. */
  async copy(name: string, folder: string): Promise<string> {
    const path = join(folder, `${flatName(name)}${WHOLE_ENDING}`);
    await this.open(this.placeOf(name)).writeWhole(path, breathe);
    return path;
  }

  async interner(name: string): Promise<Uint8Array> {
    return await this.open(this.placeOf(name)).readMember(INTERNER);
  }

  /**
   * Put a finished archive into its place, and see its name to the disk; nothing when it is not there any more. It takes
   * the place of all that stands under its name, in whatever form: a merge would take one and leave the other.
   */
  async publish(file: string, name: string): Promise<void> {
    const form = formOf(file);
    const { shelved } = form;
    const path = this.base(name) + shelved;
    makeFolder(dirname(path));
    for (const other of FORMS) if (other !== form) this.takeAway(this.base(name), other, file);
    const isMoved = shelved === WHOLE_ENDING ? moveQuickly(file, path) : this.moveReference(file, path);
    if (isMoved) await this.syncs.see(dirname(path));
  }

  /**
   * Take away another form of what is just being published, into the folder of the job, which goes with all in it.
   *
   * First, and by a rename: after a crash the job's folder has the archive and recovery publishes it, whoever has lost the
   * folder takes nothing away, and a merge that takes the other form at this moment has it, or finds it gone.
   */
  private takeAway(base: string, { shelved, taken }: Form, file: string): void {
    if (!isFile(base + shelved)) return;
    try {
      moveQuickly(base + shelved, join(dirname(file), `replaced${taken}`));
    } catch (error) {
      if (existsSync(file)) throw error;
    }
  }

  private moveReference(file: string, path: string): boolean {
    const reference = this.referenceIn(file);
    if (reference === null) return moveQuickly(file, path);
    const adding = new Adding(this.store.objects);
    try {
      // Whoever collects garbage may have looked there before, and looks here when it has left.
      return adding.whileKept(reference, () => moveQuickly(file, path));
    } finally {
      adding.end();
    }
  }

  /**
   * Take an archive away for a merge; false when somebody else has taken it.
   *
   * @param base where to, without the ending
   */
  take(name: string, base: string): boolean {
    return this.filesOf(name).some((path) => {
      const form = FORMS.find(({ shelved }) => path.endsWith(shelved));
      return form !== undefined && move(path, base + form.taken);
    });
  }

  /** What stands under a name, the same object while its file is the same; null for nothing, or something damaged. */
  async entry(name: string): Promise<ArchiveEntry | null> {
    const path = this.placeOf(name);
    const file = statSync(path, { throwIfNoEntry: false });
    const version = file && `${path} ${file.ino} ${file.mtimeMs} ${file.size}`;
    const known = this.known.get(name);
    if (version !== undefined && known?.version === version) return known.entry;
    // Also of one that is gone: another may come under its name, and be believed to be as large.
    this.known.delete(name);
    const described = version === undefined ? null : await this.describe(path);
    if (version === undefined || described === null) return null;
    const entry = { ...described, name };
    this.known.set(name, { version, entry });
    return entry;
  }

  /** What an archive is; null for one that is damaged or gone. */
  async describe(file: string): Promise<ArchiveEntry | null> {
    try {
      return await this.read(file);
    } catch (error) {
      if (error instanceof FoldError && UNUSABLE.has(error.code)) return null;
      throw error;
    }
  }

  /** Why an archive cannot be described; null for one that can, or that has gone. */
  private async troubleWith(file: string): Promise<FoldError | null> {
    try {
      await this.read(file);
      return null;
    } catch (error) {
      if (!(error instanceof FoldError)) throw error;
      return existsSync(file) ? error : null;
    }
  }

  private async read(file: string): Promise<ArchiveEntry> {
    // Opened once: this is done for each small text.
    if (file.endsWith(WHOLE_ENDING)) return await describeArchive(file);
    const archive = this.open(file);
    return entryOf(await archive.describe(), archive.size_bytes, await archive.tarSha256());
  }

  /** A file with all of an archive in it: that which it is kept in, or one that is made of it. */
  async asWhole(file: string, copy: string): Promise<string> {
    if (file.endsWith(WHOLE_ENDING)) return file;
    await this.open(file).writeWhole(copy, breathe);
    return copy;
  }

  /** The archive in a file: a reference or a whole one. */
  private open(file: string): StoredArchive {
    if (file.endsWith(WHOLE_ENDING)) return new WholeArchive(file, file, storeFiles);
    return new ReferencedArchive(file, file, readReference(file), this.store.objects);
  }

  /** null for one that is damaged: no reason not to move it, and a collection deletes nothing while it is there. */
  private referenceIn(file: string): Reference | null {
    try {
      return readReference(file);
    } catch (error) {
      if (error instanceof FoldError && UNUSABLE.has(error.code)) return null;
      throw error;
    }
  }

  private base(name: string): string {
    return join(this.folder, pathOfName(name));
  }

  /** Where an archive may be. That of a name as it is listed comes first. */
  private places(name: string): string[] {
    const paths = new Set([earlierPathOfName(name), pathOfName(name)]);
    return [...paths].flatMap((path) => FORMS.map(({ shelved }) => join(this.folder, path) + shelved));
  }

  /** What stands under a name, but for folders, whose names once ended in `.json` as well. */
  private filesOf(name: string): string[] {
    return this.places(name).filter(isFile);
  }

  /** The file of an archive; where there is none, that of a whole one. */
  private placeOf(name: string): string {
    return this.filesOf(name)[0] ?? this.base(name) + WHOLE_ENDING;
  }
}

/** The form of an archive in the folder of a job. */
function formOf(file: string): Form {
  return FORMS.find(({ taken }) => file.endsWith(taken)) ?? FORMS[1];
}

function isFile(path: string): boolean {
  return statOf(path)?.isFile() ?? false;
}

/** A file name for an archive, so that those of one name in several folders can lie side by side. */
function flatName(name: string): string {
  const path = pathOfName(name);
  const folder = createHash("sha256").update(dirname(path)).digest("hex").slice(0, 8);
  return path.includes("/") ? `${folder}-${basename(path)}` : path;
}

/** `usage` is what is told of a folder: one may have the name of an archive. */
const UNUSABLE: ReadonlySet<FoldErrorCode> = new Set(["corrupt", "not_found", "unreadable", "usage"]);
