// What all rooms that write files have in common.
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { hasCode, isMissing, makeFolders, syncFolder, syncFolderAside, temporaryPath } from "../src/disk.ts";
import { temporaryFolder } from "./support/temporary.ts";

const folder = temporaryFolder();

/** What was thrown; fails where nothing was. */
async function errorOf(act: () => unknown): Promise<unknown> {
  try {
    await act();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

test("a folder is synced; one that is missing is an error", async () => {
  syncFolder(folder);
  await syncFolderAside(folder);
  const nowhere = join(folder, "nowhere");
  expect(isMissing(await errorOf(() => syncFolder(nowhere)))).toBe(true);
  expect(isMissing(await errorOf(() => syncFolderAside(nowhere)))).toBe(true);
});

/** Linux refuses to sync it: EINVAL. */
const UNSYNCED = "/proc/self/fd";

test.skipIf(!existsSync(UNSYNCED))("a file system that syncs no folders is no hindrance (needs /proc)", async () => {
  syncFolder(UNSYNCED);
  await syncFolderAside(UNSYNCED);
});

test("the folders in which others were made are synced, and no more", () => {
  const synced: string[] = [];
  const sync = (path: string) => synced.push(path);
  mkdirSync(join(folder, "a"));
  makeFolders(join(folder, "a/b/c"), sync);
  expect(synced).toEqual([join(folder, "a/b"), join(folder, "a")]);
  expect(statSync(join(folder, "a/b/c")).isDirectory()).toBe(true);
  makeFolders(join(folder, "a/b/c"), sync);
  expect(synced.length).toBe(2);
});

test("names of what is not whole yet differ", () => {
  const paths = Array.from({ length: 100 }, () => temporaryPath("x"));
  expect(new Set(paths).size).toBe(100);
  expect(paths.every((path) => /^x\.\w+\.tmp$/.test(path))).toBe(true);
  const long = temporaryPath(join("folder", "\u00e9".repeat(127)));
  expect(long).toMatch(/^folder\/\.\w{8}\.tmp$/);
});

test("a code is that of the system's error, and of nothing else", () => {
  expect(hasCode(Object.assign(new Error(), { code: "EIO" }), "ENOENT", "EIO")).toBe(true);
  expect(hasCode({ code: "EIO" }, "EIO")).toBe(false);
  expect(hasCode(new Error("EIO"), "EIO")).toBe(false);
});
