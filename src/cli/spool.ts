import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { hasCode } from "../disk.ts";
import { FoldError, fromSystemError } from "../errors.ts";
import { readOnce } from "../jobs/read-once.ts";
import type { TextPlace } from "../jobs/read-texts.ts";
import { withTemporaryFolder } from "../storage/temporary-folder.ts";
import { kindOf } from "./look-through.ts";

/** A text in a file that can be read as often as one likes. */
export interface TextFile {
  readonly name: string;
  /** What messages call it. */
  readonly title: string;
  readonly path: string;
}

/**
 * Do something with texts as files. What can be read only once, the standard input or a pipe, is copied to a file before,
 * which only this user may read, and which goes away afterwards.
 *
 * @throws FoldError `interrupted`, also while nobody writes to a pipe; `no_space`, `unreadable`, other errors of the disk
 */
export async function withFiles<T>(
  places: readonly TextPlace[],
  signal: AbortSignal,
  act: (files: readonly TextFile[]) => Promise<T>,
): Promise<T> {
  if (places.every(isFile)) return await act(places.map(fileOf));
  return await withTemporaryFolder(async (folder) => {
    const files: TextFile[] = [];
    for (const place of places) files.push(isFile(place) ? fileOf(place) : await copyOf(place, folder, signal));
    return await act(files);
  });
}

type FilePlace = TextPlace & { readonly path: string };

function isFile(place: TextPlace): place is FilePlace {
  return place.path !== null && kindOf(place.path) !== "once";
}

function fileOf({ name, path }: FilePlace): TextFile {
  return { name, title: path, path };
}

async function copyOf({ name, path }: TextPlace, folder: string, signal: AbortSignal): Promise<TextFile> {
  const title = path ?? "the standard input";
  const copy = join(folder, crypto.randomUUID());
  const file = await open(copy, "wx", 0o600).catch((error: unknown) => {
    throw notKept(error, folder);
  });
  try {
    for await (const piece of readOnce(path, title, signal)) await write(file, piece, folder);
  } finally {
    await file.close().catch((error: unknown) => {
      throw notKept(error, folder);
    });
  }
  return { name, title, path: copy };
}

async function write(file: FileHandle, piece: Uint8Array, folder: string): Promise<void> {
  try {
    for (let at = 0; at < piece.length; ) at += (await file.write(piece, at)).bytesWritten;
  } catch (error) {
    throw notKept(error, folder);
  }
}

function notKept(error: unknown, folder: string): FoldError {
  const told = fromSystemError(error, "write a copy of the text to", folder);
  if (!hasCode(error, "ENOSPC", "EDQUOT")) return told;
  const hint = "what can be read only once is copied first: set TMPDIR to a folder with more space, or submit a file";
  return new FoldError(told.code, told.message, hint, error);
}
