import { closeSync, constants, type Dirent, openSync, readdirSync, realpathSync, type Stats, statSync } from "node:fs";
import { basename, join } from "node:path";
import { isatty } from "node:tty";
import { isMissing } from "../disk.ts";
import { FoldError, fromSystemError } from "../errors.ts";
import type { TextPlace } from "./read-texts.ts";

/** What texts become, and what to do where two would become the same. */
interface Become {
  readonly what: string;
  readonly wayOut: string;
}

const archives: Become = {
  what: "archive",
  wayOut: "rename one of them, give them one after the other with --name, or join them with --merge",
};

const ENDING = ".txt";
/** What stands for bytes that are no UTF-8, where the system tells a name. */
const NO_CHARACTER = "\ufffd";

/**
 * The texts that paths stand for: files as they are, folders for all `*.txt` below them, `-` for the standard input.
 *
 * Hidden files and folders are left out. What cannot be looked into is a place that tells its trouble when it is read,
 * so that one broken link does not keep a whole folder from being folded.
 *
 * @param become what a text becomes under its name, for messages
 * @throws FoldError `not_found` for a missing path, `empty` for a folder without texts, `usage` for two equal names
 */
export function findTexts(paths: readonly string[], become: Become = archives): TextPlace[] {
  const places = paths.flatMap((path) => (path === "-" ? [{ name: "stdin", path: null }] : textsAt(path)));
  const seen = new Map<string, TextPlace>();
  for (const place of places) {
    if (place.trouble !== undefined) continue;
    const other = seen.get(place.name);
    if (other !== undefined) {
      throw new FoldError(
        "usage",
        `${other.path ?? "-"} and ${place.path ?? "-"} would both become the ${become.what} "${place.name}"`,
        become.wayOut,
      );
    }
    seen.set(place.name, place);
  }
  return places;
}

function textsAt(path: string): TextPlace[] {
  let texts: TextPlace[];
  try {
    const info = statSync(path);
    if (isDevice(info, path)) return [placeOf(path, isNoText(path))];
    if (!info.isDirectory()) return [placeOf(path)];
    texts = textsBelow(path, readdirSync(path, { withFileTypes: true }), [realpathSync(path)]);
  } catch (error) {
    throw fromSystemError(error, "read the text", path);
  }
  if (texts.length > 0) return texts.sort((a, b) => ((a.path ?? "") < (b.path ?? "") ? -1 : 1));
  throw new FoldError("empty", `the folder ${path} holds no texts`, "texts are files whose names end in .txt");
}

/** What has no end or no words, and is not somebody who types: `/dev/null`, `/dev/zero`, a disk. */
function isDevice(info: Stats, path: string): boolean {
  return info.isBlockDevice() || (info.isCharacterDevice() && !isTerminal(path));
}

function isTerminal(path: string): boolean {
  // Not to become the terminal of this process, and not to wait for one that is not connected.
  const terminal = openSync(path, constants.O_RDONLY | constants.O_NOCTTY | constants.O_NONBLOCK);
  try {
    return isatty(terminal);
  } finally {
    closeSync(terminal);
  }
}

function isNoText(path: string): FoldError {
  return new FoldError("empty", `${path} is a device and holds no words`, "give a text file, a folder, or a pipe");
}

function placeOf(path: string, trouble?: FoldError): TextPlace {
  const name = basename(path).replace(/(?<=.)\.txt$/, "");
  return trouble === undefined ? { name, path } : { name, path, trouble };
}

/** @param above the real paths of the folder and those that led to it */
function textsBelow(folder: string, entries: readonly Dirent[], above: readonly string[]): TextPlace[] {
  return entries.filter(({ name }) => !name.startsWith(".")).flatMap((entry) => textsOf(entry, folder, above));
}

function textsOf(entry: Dirent, folder: string, above: readonly string[]): TextPlace[] {
  const path = join(folder, entry.name);
  const isText = entry.name.endsWith(ENDING);
  try {
    const info = entry.isSymbolicLink() ? statSync(path) : entry;
    if (info.isDirectory()) return textsOfFolder(path, above);
    if (!info.isFile() || !isText) return [];
    // A name that is not UTF-8 leads nowhere.
    if (entry.name.includes(NO_CHARACTER)) statSync(path);
    return [placeOf(path)];
  } catch (error) {
    // A link that leads nowhere and is not called like a text is none.
    if (entry.isSymbolicLink() && !isText && isMissing(error)) return [];
    return [placeOf(path, troubleOf(error, path, entry))];
  }
}

function textsOfFolder(path: string, above: readonly string[]): TextPlace[] {
  const real = realpathSync(path);
  if (above.includes(real)) {
    const what = `${path} leads back to a folder that it is in`;
    return [placeOf(path, new FoldError("not_found", what, "remove the symbolic link: it adds no text"))];
  }
  return textsBelow(path, readdirSync(path, { withFileTypes: true }), [...above, real]);
}

function troubleOf(error: unknown, path: string, entry: Dirent): FoldError {
  if (isMissing(error) && entry.isSymbolicLink()) {
    const what = `cannot read the text ${path}: the symbolic link leads to no file`;
    return new FoldError("not_found", what, "mend the link, or remove it", error);
  }
  if (isMissing(error) && entry.name.includes(NO_CHARACTER)) {
    return new FoldError("not_found", `cannot read ${path}: its name is not UTF-8`, "rename it", error);
  }
  return fromSystemError(error, entry.isDirectory() ? "list the folder" : "read the text", path);
}
