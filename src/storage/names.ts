import { createHash } from "node:crypto";

/**
 * The longest name of a file or folder that is made from a name that somebody has chosen, in bytes. File systems allow
 * 255; an ending, a number and that of a temporary file come behind it.
 */
const LONGEST_BYTES = 220;

/** Endings that mean something to the folders of archives: no folder has one that a file beside it may have. */
const SPECIAL = /\.(work|tar\.zst|json)$/;
const EARLIER_SPECIAL = /\.(work|tar\.zst)$/;

/** What the store takes in no name (store/layout.ts): backslashes and control characters. */
const UNSTORABLE = /[\\\p{Cc}]/gu;

/** What no file system takes. */
const IMPOSSIBLE = /\0/g;

/**
 * A name as a path below a folder: it leads nowhere else, no part of it is hidden or too long, the store takes it as a
 * name, and the path of a path is that path again. Most names are their own path.
 */
export function pathOfName(name: string): string {
  return pathWithout({ special: SPECIAL, replaced: UNSTORABLE }, name);
}

/** The path that a name had in older versions, which changed less of it: what was put there then has kept its place. */
export function earlierPathOfName(name: string): string {
  return pathWithout({ special: EARLIER_SPECIAL, replaced: IMPOSSIBLE }, name);
}

/** What a path is to be without: endings of folders, and characters. */
interface Unwanted {
  readonly special: RegExp;
  readonly replaced: RegExp;
}

function pathWithout({ special, replaced }: Unwanted, name: string): string {
  const parts = name.split("/").filter((part) => part !== "");
  if (parts.length === 0) return "_";
  const last = parts.length - 1;
  return parts
    .map((part, number) => shorten(plain(part.replace(replaced, "_"), number < last ? special : null)))
    .join("/");
}

function plain(part: string, special: RegExp | null): string {
  const visible = part.replace(/^\.+/, (dots) => "_".repeat(dots.length));
  return special?.test(visible) ? `${visible}_` : visible;
}

/** Cut a part that is too long, and tell it from others that begin alike by a hash. */
function shorten(part: string): string {
  if (Buffer.byteLength(part) <= LONGEST_BYTES) return part;
  const hash = createHash("sha256").update(part).digest("hex").slice(0, 8);
  const room = LONGEST_BYTES - hash.length - 1;
  let kept = "";
  let length = 0;
  for (const letter of part) {
    length += Buffer.byteLength(letter);
    if (length > room) break;
    kept += letter;
  }
  return `${kept}~${hash}`;
}
