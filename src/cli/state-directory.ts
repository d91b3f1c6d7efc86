import { FoldError } from "../errors.ts";
import { statOf } from "../store/files.ts";

/**
 * The state directory that options or environment name. It need not be there yet; a file in its place would look like
 * an empty one.
 *
 * @throws FoldError `usage` for a file
 */
export function stateDirectory(path: string): string {
  const found = statOf(path);
  if (found === null || found.isDirectory()) return path;
  throw new FoldError(
    "usage",
    `${path} is a file, not a state directory`,
    "give a folder: --state-dir, FOLD_STATE_DIR",
  );
}
