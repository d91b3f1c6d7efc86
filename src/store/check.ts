/**
 * The check of a store: every object against its name, every reference against the objects that it needs.
 *
 * It never stops at what is bad. A damaged object is put into quarantine, so that nobody relies on it and an add
 * writes it anew; what can be had from elsewhere is put back; and what is still missing is told with the names of the
 * archives that it is missing from. A reference that is lost or damaged is found again among the objects, since each
 * is an object, too. Whether it was lost or removed they cannot tell: it is only made anew for who asks.
 */
import { hasCode } from "../disk.ts";
import { FoldError } from "../errors.ts";
import { Adding, storeCopy } from "./adding.ts";
import { checkReferences, type ReferenceCheckResult } from "./check-references.ts";
import { Copies, isReferenceStart } from "./copies.ts";
import type { Pause } from "./files.ts";
import { referencesInAll } from "./needed.ts";
import { MAX_REFERENCE_BYTES, objectsOf } from "./reference.ts";
import { expectSource, type Found, findObjects, pausing, type Wanted } from "./repair-source.ts";
import type { Store } from "./store.ts";

export interface CheckOptions {
  /** Share of the objects to read, 0 .. 1. Whether all are there is looked at in any case. */
  readonly sample: number;
  /** Files and folders that may hold what is bad here. */
  readonly repairFrom: readonly string[];
  /** Make references anew that are lost or damaged. */
  readonly rebuild: boolean;
  readonly pause: Pause;
}

/** An object that is not as it should be. */
export interface BadObject {
  readonly object: string;
  readonly problem: "damaged" | "missing" | "unreadable";
  /** Whether it is whole again. */
  readonly repaired: boolean;
  /** Names of the archives that need it. */
  readonly archives: readonly string[];
  /** Names of the archives whose reference it is the copy of. Neither here nor there any: nobody misses it. */
  readonly copy_of: readonly string[];
}

export interface CheckResult extends ReferenceCheckResult {
  readonly objects: number;
  readonly checked: number;
  readonly checked_bytes: number;
  readonly archives: number;
  readonly bad_objects: readonly BadObject[];
  /** Messages of the folders of objects that cannot be read, so that nothing in them was checked. */
  readonly unread: readonly string[];
  /** Messages of the folders to repair from that cannot be read. */
  readonly skipped: readonly string[];
  /** Archives that cannot be read in full. */
  readonly broken: readonly string[];
}

/** Check a store, and mend what can be mended. */
export async function checkStore(store: Store, options: CheckOptions): Promise<CheckResult> {
  return await new Check(store, options).run();
}

class Check {
  private readonly bad = new Map<string, BadObject["problem"]>();
  private readonly copies: Copies;
  /** Those that are bad: by the name of the object, the names of the archives. */
  private readonly badCopies = new Map<string, string[]>();
  private readonly unread: string[] = [];
  private readonly skipped: string[] = [];
  private objects = 0;
  private checked = 0;
  private bytes = 0;

  constructor(
    private readonly store: Store,
    private readonly options: CheckOptions,
  ) {
    this.copies = new Copies(store);
  }

  async run(): Promise<CheckResult> {
    for (const path of this.options.repairFrom) expectSource(path);
    await this.readObjects();
    for (const object of this.wanted().keys()) {
      const problem = this.absenceOf(object);
      if (problem !== null) this.lose(object, problem);
    }
    const repaired = await this.repair();
    await this.mendCopies(repaired);
    const references = await checkReferences(this.store, this.copies, this.bad, this.options);
    return { ...this.report(repaired), ...references };
  }

  private async readObjects(): Promise<void> {
    const { sample, pause } = this.options;
    const onOther = (object: string) => {
      this.lose(object, "damaged");
      this.store.objects.quarantine(object);
    };
    const onUnreadable = ({ message }: FoldError) => this.unread.push(message);
    for (const { object, modified_ms, size } of this.store.objects.list({ onOther, onUnreadable })) {
      this.objects++;
      if (sample < 1 && Math.random() >= sample && this.checked > 0) continue;
      this.checked++;
      this.bytes += size;
      try {
        const first = await this.readObject(object, size, pause);
        if (first !== null) this.copies.keep(object, first, modified_ms);
      } catch (error) {
        if (!(error instanceof FoldError) || error.code === "interrupted") throw error;
        // Gone by now: a garbage collection is going on.
        if (error.code === "not_found") continue;
        this.lose(object, error.code === "corrupt" ? "damaged" : "unreadable");
        // Only what is proved to be bad: an object that could not be opened just now may be sound.
        if (error.code === "corrupt" || hasCode(error.cause, "EIO")) this.store.objects.quarantine(object);
      }
    }
  }

  /** Read all of an object; all of it again when it may be a reference. */
  private async readObject(object: string, size: number, pause: Pause): Promise<Uint8Array | null> {
    let isReference: boolean | null = null;
    for (const piece of this.store.objects.open(object)) {
      isReference ??= isReferenceStart(piece);
      await pause();
    }
    return isReference === true && size <= MAX_REFERENCE_BYTES ? this.store.objects.get(object) : null;
  }

  private lose(object: string, problem: BadObject["problem"]): void {
    if (!this.bad.has(object)) this.bad.set(object, problem);
  }

  /** All objects that references need. */
  private wanted(): Map<string, Wanted> {
    const wanted = new Map<string, Wanted>();
    for (const { reference } of referencesInAll(this.store.places)) {
      if (reference === null) continue;
      for (const [object, size] of objectsOf(reference)) wanted.set(object, { object, size, raw: null });
      if (reference.frame === null) continue;
      for (const member of reference.members) {
        if (member.type !== "file") continue;
        const { object, stored, sha256, size } = member;
        wanted.set(object, { object, size: stored, raw: { sha256, size } });
      }
    }
    return wanted;
  }

  /** Names of the objects that are whole again. */
  private async repair(): Promise<Set<string>> {
    const repaired = new Set<string>();
    const needed = new Map([...this.wanted()].filter(([object]) => this.bad.has(object)));
    for (const path of this.options.repairFrom) {
      for (const found of findObjects(path, needed, ({ message }) => this.skipped.push(message))) {
        await this.options.pause();
        if (found === null || !(await this.replace(found))) continue;
        repaired.add(found.object);
        needed.delete(found.object);
      }
    }
    return repaired;
  }

  /** A sound reference is an object, too, which is all that is left when its file is lost: that is stored again. */
  private async mendCopies(repaired: Set<string>): Promise<void> {
    for (const { name, reference, bytes, object } of referencesInAll(this.store.places)) {
      await this.options.pause();
      const problem = this.bad.get(object) ?? this.absenceOf(object);
      if (reference === null || problem === null) continue;
      this.lose(object, problem);
      this.badCopies.set(object, [...(this.badCopies.get(object) ?? []), name]);
      try {
        storeCopy(this.store.objects, bytes);
        repaired.add(object);
      } catch (error) {
        // Of a store that is read-only all the rest can be checked.
        if (!(error instanceof FoldError)) throw error;
      }
    }
  }

  /** Store an object again; false where its source has changed since it was looked at. */
  private async replace({ object, pieces }: Found): Promise<boolean> {
    // One for each: looking for the next may take longer than an add may be silent.
    const adding = new Adding(this.store.objects);
    try {
      const stored = await adding.putStream(pausing(pieces, this.options.pause));
      adding.syncFolders();
      return stored.object === object;
    } catch (error) {
      // Where one cannot be written, others may be.
      if (error instanceof FoldError && (error.code === "unreadable" || error.code === "read_only")) return false;
      throw error;
    } finally {
      adding.end();
    }
  }

  /** What keeps an object from being there; null for nothing. */
  private absenceOf(object: string): "missing" | "unreadable" | null {
    try {
      return this.store.objects.has(object) ? null : "missing";
    } catch (error) {
      if (!(error instanceof FoldError)) throw error;
      return "unreadable";
    }
  }

  /** Somebody may have added again what was damaged or missing; what cannot be read stays so. */
  private isReadable(object: string): boolean {
    return this.bad.get(object) !== "unreadable" && this.absenceOf(object) === null;
  }

  private report(repaired: ReadonlySet<string>): Omit<CheckResult, keyof ReferenceCheckResult> {
    const users = new Map<string, string[]>();
    const broken: string[] = [];
    let archives = 0;
    for (const { name, reference } of referencesInAll(this.store.places)) {
      archives++;
      if (reference === null) continue;
      const lost = [...objectsOf(reference).keys()].filter((object) => this.bad.has(object));
      for (const object of lost) users.set(object, [...(users.get(object) ?? []), name]);
      if (lost.some((object) => !repaired.has(object) && !this.isReadable(object))) broken.push(name);
    }
    const bad_objects = [...this.bad].flatMap(([object, problem]): BadObject[] => {
      const names = users.get(object) ?? [];
      const copy_of = this.badCopies.get(object) ?? [];
      // Missing from an archive that is gone by now.
      if (problem === "missing" && names.length + copy_of.length === 0) return [];
      return [{ object, problem, repaired: repaired.has(object), archives: names.sort(), copy_of: copy_of.sort() }];
    });
    const { objects, checked, bytes, unread, skipped } = this;
    return { objects, checked, checked_bytes: bytes, archives, bad_objects, unread, skipped, broken: broken.sort() };
  }
}
