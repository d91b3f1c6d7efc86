import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isTemporary, namesIn } from "../../disk.ts";
import { fromSystemError } from "../../errors.ts";
import { checkChunkName } from "../chunk-name.ts";

/** Where the text of an attempt is in its folder. */
export function sourcePath(folder: string): string {
  return join(folder, "source.txt");
}

/** A file of an attempt. */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    throw fromSystemError(error, "read the file", path);
  }
}

/** See Storage.spillChunk: a chunk into the folder of an attempt. */
export async function spillChunk(folder: string, name: string, bytes: Uint8Array): Promise<void> {
  checkChunkName(name);
  const path = join(chunksPath(folder), name);
  try {
    await mkdir(chunksPath(folder), { recursive: true });
    await writeFile(`${path}.tmp`, bytes);
    await rename(`${path}.tmp`, path);
  } catch (error) {
    await rm(`${path}.tmp`, { force: true });
    throw fromSystemError(error, "write a finished part to", path);
  }
}

/** See Storage.readChunk. */
export async function readChunk(folder: string, name: string): Promise<Uint8Array | null> {
  checkChunkName(name);
  return namesIn(chunksPath(folder)).includes(name) ? await readBytes(join(chunksPath(folder), name)) : null;
}

/** See Storage.listChunks. */
export function listChunks(folder: string): string[] {
  return namesIn(chunksPath(folder))
    .filter((name) => !isTemporary(name))
    .sort();
}

function chunksPath(folder: string): string {
  return join(folder, "chunks");
}
