import { existsSync } from "node:fs";
import { join } from "node:path";
import { TAKEN_ENDING } from "../../store/layout.ts";
import { WHOLE_ENDING } from "../../store/stored-archive.ts";

/** Archives in the folder of a job: references to objects, or whole files: small ones, and those from before there were objects. */

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

/** Where a file is made of an archive that is to be merged, only to be read: it may go at any time. */
export function copyPath(folder: string, number: number): string {
  return join(folder, `copy-${number}${WHOLE_ENDING}`);
}

/** Whether a file in the folder of a job is an archive that is to be merged. */
export function isInput(name: string): boolean {
  return /^input-\d+(\.ref\.json|\.tar\.zst)$/.test(name);
}
