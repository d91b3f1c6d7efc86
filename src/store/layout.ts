import { join } from "node:path";
import { checkArchiveName } from "../archive/archive-name.ts";
import { FoldError } from "../errors.ts";
import type { ReferencePlace } from "./needed.ts";
import { REFERENCE_ENDING } from "./reference.ts";

/** Ending of references in the folders of jobs, where they stand among other files. */
export const TAKEN_ENDING = ".ref.json";

/** Ending of the folders in which archives are made: what is below them is no archive yet. */
export const WORK_ENDING = ".tar.zst.work";

/** Where references may stand in a state directory, in the direction in which jobs take them. */
export function placesOf(stateDir: string): ReferencePlace[] {
  return [
    { folder: join(stateDir, "archives"), ending: REFERENCE_ENDING },
    { folder: join(stateDir, "in_process"), ending: TAKEN_ENDING },
    { folder: join(stateDir, "failed"), ending: TAKEN_ENDING },
  ];
}

/** Refuse the name of something new whose folders would stand where references do. */
export function checkNewName(name: string): void {
  const folder = foldersOf(name).find((part) => part.endsWith(REFERENCE_ENDING));
  if (folder === undefined) return;
  const hint = `give another one with --name: folders in it may not end in ${REFERENCE_ENDING}, as references do`;
  throw new FoldError("usage", `${JSON.stringify(name)} cannot be the name of an archive`, hint);
}

/**
 * Refuse a name that could not stand for a file below one folder. It may have slashes: then it stands in sub-folders.
 *
 * @param ending what stands behind it
 * @throws FoldError `usage`
 */
export function checkName(name: string, ending: string): void {
  checkArchiveName(name, ending);
  // Nobody looks for archives there, nor for what they need.
  if (!foldersOf(name).some((part) => part.endsWith(WORK_ENDING))) return;
  const what = `${JSON.stringify(name)} cannot be the name of an archive: ${WORK_ENDING} ends the name of a folder`;
  throw new FoldError("usage", what, "give another one with --name");
}

function foldersOf(name: string): string[] {
  return name.split("/").slice(0, -1);
}
