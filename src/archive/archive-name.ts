import { FoldError } from "../errors.ts";
import type { FoldOptions } from "./manifest.ts";

/** No file system takes longer names. */
const MAX_FILE_NAME_BYTES = 255;

/** Names that are made of many others are not told to their end. */
const MOST_SHOWN = 80;

/** What a name must be, for hints. */
export const NAME_RULE = "no control characters, no backslashes, no dot at the start, not too long";

/** The file name of an archive, without its ending: that of its text, and whatever differs from the usual options. */
export function archiveName(text: string, { max_dims, min_volume, shard }: FoldOptions): string {
  const dims = max_dims === 2 ? "" : `.max-dims-${max_dims ?? "all"}`;
  const volume = min_volume === 1 ? "" : `.min-volume-${min_volume}`;
  return `${text}${dims}${volume}${shard === null ? "" : `.shard-${shard.number}-of-${shard.of}`}`;
}

/**
 * What keeps a name from standing for a file below one folder; null when nothing does. It may have slashes: then it
 * stands in sub-folders.
 *
 * @param ending what stands behind it
 */
export function problemOfName(name: string, ending: string): string | null {
  const parts = name.split("/");
  if (parts.includes("")) return "a part of it is empty";
  if (parts.some((part) => part.startsWith("."))) return "it would be hidden, or lead out of its folder";
  if (/[\\\p{Cc}]/u.test(name)) return "it holds a control character or a backslash";
  if (parts.some((part) => Buffer.byteLength(part + ending) > MAX_FILE_NAME_BYTES)) return "it is too long";
  return null;
}

/**
 * Refuse a name of an archive that could not stand for a file below one folder.
 *
 * @param ending what stands behind it
 * @throws FoldError `usage`
 */
export function checkArchiveName(name: string, ending: string): void {
  const problem = problemOfName(name, ending);
  if (problem === null) return;
  const shown = name.length <= MOST_SHOWN ? name : `${name.slice(0, MOST_SHOWN)}…`;
  const what = `${JSON.stringify(shown)} cannot be the name of an archive: ${problem}`;
  throw new FoldError("usage", what, `give another one with --name: ${NAME_RULE}`);
}
