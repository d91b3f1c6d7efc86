import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fromSystemError } from "../../errors.ts";
import { isMissing } from "./files.ts";

/**
 * The folders of a state directory. All of it must be on one file system, as jobs go through it by renames.
 *
 * A text in input/ is a file whose name ends in `.txt`, in any sub-folder. It is taken as it is at that moment, so put
 * it there whole: write it under another name (`book.txt.part`, `.book.txt`) or beside, and `mv` it. Hidden files and
 * folders are left alone, and so are symbolic links: what they lead to is not the state directory's to take away.
 */
export interface Layout {
  readonly root: string;
  readonly input: string;
  readonly inProcess: string;
  readonly archives: string;
  readonly failed: string;
  readonly logs: string;
}

export function layoutOf(root: string): Layout {
  return {
    root,
    input: join(root, "input"),
    inProcess: join(root, "in_process"),
    archives: join(root, "archives"),
    failed: join(root, "failed"),
    logs: join(root, "logs"),
  };
}

const TEXT = ".txt";
const LONGEST_SLUG = 40;
const HASH_DIGITS = 12;

/** The name of the text at a path below input/: the path without its ending, with `/` on every system. */
export function nameOfInput(path: string): string {
  return path.slice(0, -TEXT.length).split(sep).join("/");
}

/**
 * The id of the job of a text, from its path below input/: readable where it can be, and unique by a hash.
 *
 * It has letters, digits and dashes only and is short, so it may stand in a file name whatever the text is called.
 */
export function idOfInput(path: string): string {
  const name = nameOfInput(path);
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, LONGEST_SLUG)
    .replace(/^-+|-+$/g, "");
  const hash = createHash("sha256").update(name).digest("hex").slice(0, HASH_DIGITS);
  return slug === "" ? hash : `${slug}-${hash}`;
}

/** The path that an id was made of, where the id tells: short plain names at the top of input/; null for all others. */
export function inputOfId(id: string): string | null {
  const input = `${id.slice(0, -HASH_DIGITS - 1)}${TEXT}`;
  return idOfInput(input) === id ? input : null;
}

/** All texts below a folder, as paths below it, sorted; what begins with a dot or is half written is none. */
export function textsBelow(folder: string): string[] {
  return filesBelow(folder).filter((path) => path.endsWith(TEXT) && path.length > TEXT.length);
}

/** All files below a folder, as paths below it, sorted; hidden files and folders aside. */
export function filesBelow(folder: string): string[] {
  const found: string[] = [];
  const visit = (path: string) => {
    for (const entry of entriesOf(path)) {
      if (entry.name.startsWith(".")) continue;
      if (entry.isDirectory()) visit(join(path, entry.name));
      else if (entry.isFile()) found.push(relative(folder, join(path, entry.name)));
    }
  };
  visit(folder);
  return found.sort();
}

function entriesOf(path: string) {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (error) {
    // Gone since its name was read, or not made yet.
    if (isMissing(error)) return [];
    throw fromSystemError(error, "list the folder", path);
  }
}
