import { makePrivateFolder } from "../disk.ts";
import { FoldError, fromSystemError } from "../errors.ts";

/**
 * Make the folder on this machine that a worker's files go to, below one that all users may share.
 *
 * @throws FoldError `refused` when somebody else could put files there; errors of the disk
 */
export function ensurePrivate(path: string): void {
  let isPrivate: boolean;
  try {
    isPrivate = makePrivateFolder(path);
  } catch (error) {
    throw fromSystemError(error, "create the folder", path);
  }
  if (isPrivate) return;
  const hint = "set LOCAL_CACHE_DIR to a folder of your own, or take that right from others (chmod go-w)";
  throw new FoldError("refused", `the folder ${path} is another user's, or others may write to it`, hint);
}
