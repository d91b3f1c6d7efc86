import { join } from "node:path";

/** A file of this project, by its path from the project's root. */
export function projectFile(path: string): string {
  return join(import.meta.dir, "../..", path);
}
