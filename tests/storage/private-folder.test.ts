// The folder of a worker below a place that all users of a machine share.
import { expect, test } from "bun:test";
import { chmodSync, chownSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { ensurePrivate } from "../../src/storage/private-folder.ts";
import { withFolder } from "../support/temporary.ts";
import { codeOf } from "./place.ts";

test("a folder is made, and found again", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "cache", "work");
    for (let i = 0; i < 2; i++) ensurePrivate(path);
    // A file in its place is no folder.
    expect(await codeOf(() => ensurePrivate(join(import.meta.path, "work")))).not.toBe("refused");
  });
});

test("one that others may write to, a link, and another user's are refused", async () => {
  await withFolder(async (folder) => {
    const [open, link, foreign] = ["open", "link", "foreign"].map((name) => join(folder, name));
    mkdirSync(open);
    chmodSync(open, 0o777);
    expect(await codeOf(() => ensurePrivate(open))).toBe("refused");
    symlinkSync(folder, link);
    expect(await codeOf(() => ensurePrivate(link))).toBe("refused");
    if (process.getuid?.() !== 0) return;
    mkdirSync(foreign);
    chownSync(foreign, 65_534, 65_534);
    expect(await codeOf(() => ensurePrivate(foreign))).toBe("refused");
  });
});
