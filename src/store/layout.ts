import { join } from "node:path";
import { FoldError } from "../errors.ts";
import type { ReferencePlace } from "./needed.ts";
import { REFERENCE_ENDING } from "./reference.ts";

/** Ending of references in the folders of jobs, where they stand among other files. */
export const TAKEN_ENDING = ".ref.json";

/** Ending of the folders in which archives are made: what is below them is no archive yet. */
export const WORK_ENDING = ".tar.zst.work";

/** No file system takes longer names. */
const MAX_NAME_BYTES = 255;

/** Where references may stand in a state directory, in the direction in which jobs take them. */
export function placesOf(stateDir: string): ReferencePlace[] {
  return [
    { folder: join(stateDir, "archives"), ending: REFERENCE_ENDING },
    { folder: join(stateDir, "in_process"), ending: TAKEN_ENDING },
    { folder: join(stateDir, "failed"), ending: TAKEN_ENDING },
  ];
}

/**
 * Refuse a name that could not stand for a file below one folder. It may have slashes: then it stands in sub-folders.
 *
 * @param ending what stands behind it
 */
export function checkName(name: string, ending: string): void {
  const shown = JSON.stringify(name);
  const hint = "give another one with --name: no `..`, no control characters, nothing hidden, not too long";
  const parts = name.split("/");
  const isPlain = parts.every((part) => part !== "" && !part.startsWith(".") && !/[\\\p{Cc}]/u.test(part));
  // Nobody looks for archives there, nor for what they need.
  const isInWork = parts.slice(0, -1).some((part) => part.endsWith(WORK_ENDING));
  if (!isPlain || isInWork) throw new FoldError("usage", `${shown} cannot be the name of an archive`, hint);
  if (parts.some((part) => Buffer.byteLength(part + ending) > MAX_NAME_BYTES)) {
    throw new FoldError("usage", `the name ${shown} is too long`, hint);
  }
}
