import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** What the files of a folder take together, in bytes; 0 where there is none. */
export function sizeOfFolder(folder: string): number {
  let size_bytes = 0;
  try {
    for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      size_bytes += statSync(join(folder, file), { throwIfNoEntry: false })?.size ?? 0;
    }
  } catch {
    // Asked for when something went wrong already; a folder that cannot be read tells nothing more.
  }
  return size_bytes;
}
