import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromSystemError } from "../errors.ts";

/** Whoever does not wait for a safe end (a second Ctrl-C) takes these away, too. */
const inUse = new Set<string>();

/** Do something with a folder that only this user may enter, and that goes away afterwards. */
export async function withTemporaryFolder<T>(act: (folder: string) => Promise<T>): Promise<T> {
  let folder: string;
  try {
    folder = await mkdtemp(join(tmpdir(), "fold-"));
  } catch (error) {
    throw fromSystemError(error, "create a folder in", tmpdir());
  }
  if (inUse.size === 0) process.on("exit", removeAll);
  inUse.add(folder);
  try {
    return await act(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
    inUse.delete(folder);
    if (inUse.size === 0) process.off("exit", removeAll);
  }
}

function removeAll(): void {
  for (const folder of inUse) rmSync(folder, { recursive: true, force: true });
}
