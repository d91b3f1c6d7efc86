import { type Dirent, readdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { INTERNER, MANIFEST, sha256 } from "../archive/manifest.ts";
import { isMissing } from "../disk.ts";
import { FoldError, fromSystemError } from "../errors.ts";
import { followed } from "./files.ts";
import { WORK_ENDING } from "./layout.ts";
import { decodeReference, objectsOf, type Reference } from "./reference.ts";

/** A folder below which references stand. */
export interface ReferencePlace {
  readonly folder: string;
  /** Every file with this ending is a reference. */
  readonly ending: string;
}

/** A reference as it was found. */
export interface FoundReference {
  /** Its path below the place, without the ending. */
  readonly name: string;
  readonly file: string;
  /** What is wrong with it; null for nothing. */
  readonly problem: FoldError | null;
  /** null for one with a problem. */
  readonly reference: Reference | null;
  /** The file's own content, and the object that it is. */
  readonly bytes: Uint8Array;
  readonly object: string;
}

/** A folder that changes all the time is looked through so often before it is given up. */
const MAX_LISTINGS = 1000;

/**
 * All references below a place, each once, in no order.
 *
 * References are moved while this goes on, and so are folders that they stand in. So folders are listed until nothing
 * new has turned up twice running: what was renamed between listing and reading is found under its new name.
 */
export function* referencesIn(place: ReferencePlace): Generator<FoundReference> {
  const read = new Set<string>();
  for (let listing = 0, quiet = 0; quiet < 2; listing++) {
    if (listing === MAX_LISTINGS) {
      throw new FoldError("failed", `${place.folder} does not come to rest`, "try again when fewer jobs are running");
    }
    const { paths, isWhole } = filesBelow(place);
    let isNew = !isWhole;
    for (const path of paths) {
      if (read.has(path)) continue;
      isNew = true;
      const found = readFound(place, path);
      if (found === null) continue;
      read.add(path);
      yield found;
    }
    quiet = isNew ? 0 : quiet + 1;
  }
}

/** All references below several places, in their order. */
export function* referencesInAll(places: readonly ReferencePlace[]): Generator<FoundReference> {
  for (const place of places) yield* referencesIn(place);
}

/**
 * Add the objects that the references of a place need, and the references themselves.
 *
 * @throws FoldError `corrupt` for a reference that is damaged: nobody knows what it needs
 */
export function addNeeded(place: ReferencePlace, needed: Set<string>): void {
  for (const { reference, problem, object } of referencesIn(place)) {
    if (reference === null) throw problem;
    needed.add(object);
    for (const name of objectsOf(reference).keys()) needed.add(name);
  }
}

/**
 * The files with the place's ending; not whole when something vanished while they were listed.
 *
 * A reference that is overlooked here loses its objects. So symbolic links are followed, as whoever opens a path does,
 * and of an archive that somebody has unpacked nothing but its manifest.json is left out.
 */
function filesBelow({ folder, ending }: ReferencePlace): { paths: string[]; isWhole: boolean } {
  const paths: string[] = [];
  const linked = new Set<string>();
  let isWhole = true;
  const visit = (inside: string) => {
    let entries: Dirent[];
    try {
      entries = readdirSync(join(folder, inside), { withFileTypes: true });
    } catch (error) {
      if (!isMissing(error)) throw fromSystemError(error, "list the folder", join(folder, inside));
      isWhole = isWhole && inside === "";
      return;
    }
    const isUnpacked = entries.some((entry) => entry.name === INTERNER && entry.isFile());
    for (const entry of entries) {
      // What begins with a dot, or is an archive in the making, is somebody else's.
      if (entry.name.startsWith(".") || entry.name.endsWith(WORK_ENDING)) continue;
      if (isUnpacked && entry.name === MANIFEST) continue;
      const path = inside === "" ? entry.name : `${inside}/${entry.name}`;
      const kind = kindOf(entry, join(folder, path), linked);
      if (kind === "folder") visit(path);
      else if (kind === "file" && entry.name.endsWith(ending)) paths.push(path);
    }
  };
  visit("");
  return { paths, isWhole };
}

/**
 * What an entry is, or leads to; null for what is neither, or was seen.
 *
 * @param linked folders that links have led to: links may make a circle
 */
function kindOf(entry: Dirent, path: string, linked: Set<string>): "file" | "folder" | null {
  if (entry.isFile()) return "file";
  if (entry.isDirectory()) return "folder";
  const stat = followed(path);
  if (stat?.isFile()) return "file";
  if (!stat?.isDirectory()) return null;
  const target = realpathSync(path);
  if (linked.has(target)) return null;
  linked.add(target);
  return "folder";
}

function readFound({ folder, ending }: ReferencePlace, path: string): FoundReference | null {
  const file = join(folder, path);
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    if (isMissing(error)) return null;
    throw fromSystemError(error, "read the reference", file);
  }
  const object = sha256(bytes);
  const found = { name: path.slice(0, -ending.length), file, bytes, object };
  try {
    return { ...found, reference: decodeReference(bytes, file), problem: null };
  } catch (error) {
    if (!(error instanceof FoldError)) throw error;
    return { ...found, reference: null, problem: error };
  }
}
