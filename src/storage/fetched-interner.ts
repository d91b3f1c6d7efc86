import { join } from "node:path";
import { INTERNER } from "../archive/manifest.ts";
import { Archive } from "../archive/reader.ts";
import { FoldError } from "../errors.ts";
import { withTemporaryFolder } from "./temporary-folder.ts";

/**
 * The sentences of an archive that lies elsewhere, encoded.
 *
 * @param fetch brings the archive into a file
 * @throws FoldError `corrupt` where it holds none; errors of `fetch`
 */
export async function fetchedInterner(name: string, fetch: (path: string) => Promise<unknown>): Promise<Uint8Array> {
  return await withTemporaryFolder(async (folder) => {
    const path = join(folder, "archive.tar.zst");
    await fetch(path);
    const archive = await Archive.open(path);
    try {
      for await (const [, bytes] of archive.members([archive.manifest.interner])) return bytes;
    } finally {
      archive.close();
    }
    throw new FoldError("corrupt", `archive ${name} has no ${INTERNER}`, "fold its text again");
  });
}
