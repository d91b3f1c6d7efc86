import { afterAll } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Makes a folder that goes away, with all in it, after the tests of the file that asks for it. */
export function temporaryFolder(parent = tmpdir()): string {
  const folder = mkdtempSync(join(parent, "fold-test-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The same in memory where the system has such a place: for thousands of small cases, where waiting for a disk is all. */
export function memoryFolder(): string {
  return temporaryFolder(existsSync("/dev/shm") ? "/dev/shm" : tmpdir());
}
