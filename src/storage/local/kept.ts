import { existsSync } from "node:fs";
import { join } from "node:path";
import { TAKEN_ENDING } from "../../store/layout.ts";
import { WHOLE_ENDING } from "../../store/stored-archive.ts";

/** Archives in the folder of a job: references to objects, or whole files, as all were before there were objects. */

/** The finished archive of a job, without its ending. */
export function resultBase(folder: string): string {
  return join(folder, "archive");
}

/** An archive that is to be merged, without its ending. */
export function inputBase(folder: string, number: number): string {
  return join(folder, `input-${number}`);
}

/** The file that an archive is kept in; null where there is none. */
export function keptAt(base: string): string | null {
  const file = [TAKEN_ENDING, WHOLE_ENDING].map((ending) => `${base}${ending}`).find((path) => existsSync(path));
  return file ?? null;
}

/** A file that is all there is of an archive in the folder of a job: not one that was made from a reference. */
export function isKept(folder: string, name: string): boolean {
  const match = /^(input-\d+)(\.ref\.json|\.tar\.zst)$/.exec(name);
  return match !== null && keptAt(join(folder, match[1])) === join(folder, name);
}
