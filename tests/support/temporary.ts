// Folders that go away with what is in them.
import { afterAll } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Where files are in memory, if there is such a place: for thousands of small cases, where waiting for a disk is all. */
export const quickParent: string = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** Makes an empty folder that whoever asks for it removes. */
export function newFolder(parent = tmpdir()): string {
  return mkdtempSync(join(parent, "fold-test-"));
}

/** Makes a folder that goes away, with all in it, after the tests of the file that asks for it. */
export function temporaryFolder(parent = tmpdir()): string {
  const folder = newFolder(parent);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The same in memory where the system has such a place. */
export function memoryFolder(): string {
  return temporaryFolder(quickParent);
}

/** Run `body` with an empty folder of its own. */
export async function withFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = newFolder();
  try {
    return await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
