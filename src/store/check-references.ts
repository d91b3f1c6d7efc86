/**
 * The check of a store's references: those that are damaged, and those that only their copies among the objects
 * remember.
 *
 * A copy says what the archive was called when it was added. Its file may be called otherwise: a job's archive gets a
 * number where another has its name. So a copy that is a reference which stands belongs to that one, whatever it is
 * called, and one that is none is somebody's though its name is taken: it is told, and made anew, with a number.
 */
import { dirname, join } from "node:path";
import { FoldError, fromSystemError } from "../errors.ts";
import { Adding } from "./adding.ts";
import type { Copies, Copy } from "./copies.ts";
import { type Pause, statOf } from "./files.ts";
import { type FoundReference, referencesInAll } from "./needed.ts";
import type { ObjectStore } from "./object-store.ts";
import { damaged, objectsOf, REFERENCE_ENDING, type Reference } from "./reference.ts";
import type { Store } from "./store.ts";

/** A reference that is not as it should be. */
export interface BadReference {
  readonly name: string;
  readonly problem: string;
  /** `rebuilt`; `rebuildable`, if asked for; `lost`; or `newer`: of a version that this program does not know. */
  readonly state: "rebuilt" | "rebuildable" | "lost" | "newer";
  /** Why it is lost; null for the others. */
  readonly reason: string | null;
}

type Outcome = Pick<BadReference, "state" | "reason">;

export interface ReferenceCheckResult {
  readonly bad_references: readonly BadReference[];
  /**
   * Archives that no reference names and whose objects are all there: removed or merged since the last garbage
   * collection, or lost. With `rebuild` they have a reference again, under these names.
   */
  readonly forgotten: readonly string[];
}

/**
 * Check all references, and with `rebuild` make those anew that are damaged or gone.
 *
 * @param bad the objects that are told already: their sizes say nothing of a reference
 */
export async function checkReferences(
  store: Store,
  copies: Copies,
  bad: ReadonlyMap<string, unknown>,
  options: { readonly sample: number; readonly rebuild: boolean; readonly pause: Pause },
): Promise<ReferenceCheckResult> {
  const { sample, rebuild, pause } = options;
  const found = references(store, bad);
  const damaged = found.filter(({ problem }) => problem !== null);
  if (sample < 1 && (damaged.length > 0 || rebuild)) await copies.readRest(pause);
  const others = copies.without(new Set(found.map(({ object }) => object)));
  const check = new ReferenceCheck(store, others, rebuild);
  // Those without a number first: the copies of both say the same name.
  const bad_references = damaged.sort((a, b) => (a.name < b.name ? -1 : 1)).map((bad) => check.mend(bad));
  const { names, failed } = check.forgotten();
  return { bad_references: [...bad_references, ...failed], forgotten: names };
}

type Found = Pick<FoundReference, "name" | "file" | "problem" | "object">;

/** All references that stand. Jobs take them out of archives/ and give them back, so archives/ comes last, too. */
function references({ places, objects }: Store, bad: ReadonlyMap<string, unknown>): Found[] {
  const all = new Map<string, Found>();
  for (const { name, file, problem, object, reference } of referencesInAll([...places, places[0]])) {
    const lies = reference !== null && isAboutOthers(reference, objects, bad);
    all.set(file, { name, file, object, problem: lies ? damaged(file, "its objects have other sizes") : problem });
  }
  return [...all.values()];
}

/** Whether a reference says of a sound object that it has another size. */
function isAboutOthers(reference: Reference, objects: ObjectStore, bad: ReadonlyMap<string, unknown>): boolean {
  return [...objectsOf(reference)].some(([object, size]) => !bad.has(object) && isSoundOther(object, size, objects));
}

function isSoundOther(object: string, size: number, objects: ObjectStore): boolean {
  if ((statOf(objects.path(object))?.size ?? size) === size) return false;
  try {
    // A sample may have left out an object that is cut off: then that is damaged, and not the reference.
    return objects.hash(object) === object;
  } catch (error) {
    if (!(error instanceof FoldError)) throw error;
    return false;
  }
}

class ReferenceCheck {
  private readonly copies: Set<Copy>;

  constructor(
    private readonly store: Store,
    copies: readonly Copy[],
    private readonly isToRebuild: boolean,
  ) {
    this.copies = new Set(copies.filter(({ reference }) => this.isWhole(reference)));
  }

  /** See to a reference that is damaged. */
  mend({ name, file, problem }: Found): BadReference {
    // What a newer version can read is not damaged, and no older copy takes its place.
    const bad = { name, problem: problem?.message ?? "", reason: null };
    if (problem !== null && problem.code !== "corrupt") return { ...bad, state: "newer" };
    const copy = this.takeCopy(name) ?? this.takeCopy(name.replace(/\.\d+$/, ""));
    if (copy === null) return { ...bad, state: "lost", reason: "no copy of it with all its objects is left" };
    return {
      ...bad,
      ...(this.rebuild(copy.reference, file, true) ?? { state: "lost", reason: "its objects are gone" }),
    };
  }

  /** Names of the archives of all other copies: those that they have now, or would have; and those of which it failed. */
  forgotten(): { names: string[]; failed: BadReference[] } {
    const names: string[] = [];
    const failed: BadReference[] = [];
    const taken = new Set(this.copies.size === 0 ? [] : this.store.names());
    for (const { reference } of this.copies) {
      const name = freeName(reference.name, taken);
      const file = join(this.store.archives, `${name}${REFERENCE_ENDING}`);
      const outcome = this.rebuild(reference, file, false);
      if (outcome === null) continue;
      taken.add(name);
      if (outcome.state === "lost") failed.push({ name, problem: "its reference is gone", ...outcome });
      else names.push(name);
    }
    return { names: names.sort(), failed };
  }

  /** The newest copy with a name, which no other reference gets from now on. */
  private takeCopy(name: string): Copy | null {
    const copy = [...this.copies].find(({ reference }) => reference.name === name);
    if (copy === undefined) return null;
    this.copies.delete(copy);
    return copy;
  }

  /** null where others were faster: its objects are deleted, or its name is taken. */
  private rebuild(reference: Reference, file: string, mayReplace: boolean): Outcome | null {
    if (!this.isToRebuild) return { state: "rebuildable", reason: null };
    try {
      return this.publish(reference, file, mayReplace) ? { state: "rebuilt", reason: null } : null;
    } catch (error) {
      return { state: "lost", reason: fromSystemError(error, "write the reference", file).message };
    }
  }

  private publish(reference: Reference, file: string, mayReplace: boolean): boolean {
    const adding = new Adding(this.store.objects);
    try {
      return adding.whileKept(reference, () => {
        // Until now nobody needed its objects: a garbage collection may just have deleted them.
        if (!this.isWhole(reference)) return false;
        this.makeFolder(dirname(file));
        // Not over one that somebody has just added under that name.
        return adding.publish(file, reference, mayReplace);
      });
    } finally {
      adding.end();
    }
  }

  private makeFolder(folder: string): void {
    try {
      this.store.objects.files.makeFolder(folder);
    } catch (error) {
      throw fromSystemError(error, "create the folder", folder);
    }
  }

  private isWhole(reference: Reference): boolean {
    try {
      const { objects } = this.store;
      return [...objectsOf(reference)].every(([object, size]) => objects.has(object) && objects.size(object) === size);
    } catch (error) {
      // Which object cannot be read, and why, is told with the objects.
      if (!(error instanceof FoldError)) throw error;
      return false;
    }
  }
}

/** The name itself, or with a number where it is taken, as a job's archive gets one. */
function freeName(name: string, taken: ReadonlySet<string>): string {
  let free = name;
  for (let number = 2; taken.has(free); number++) free = `${name}.${number}`;
  return free;
}
