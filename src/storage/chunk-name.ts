import { isTemporary } from "../disk.ts";
import { FoldError } from "../errors.ts";

/** Plain enough to be a file name and an object's key everywhere as it is, also where case does not count. */
const CHUNK_NAME = /^[a-z0-9][a-z0-9.-]{0,99}$/;

/**
 * Check the name of a spilled chunk: lower-case letters, digits, dots and dashes, at most 100 of them.
 *
 * @throws FoldError `usage`
 */
export function checkChunkName(name: string): void {
  if (CHUNK_NAME.test(name) && !isTemporary(name)) return;
  const hint = "1 to 100 lower-case letters, digits, dots and dashes, not ending in .tmp";
  throw new FoldError("usage", `${JSON.stringify(name.slice(0, 120))} is no name for a chunk`, hint);
}
