// A text that is longer than a string can be: told before it costs anything, and not taken for one without words.
import { expect, test } from "bun:test";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeText } from "../../src/core/text.ts";
import { readText } from "../../src/jobs/read-texts.ts";
import { call } from "../support/binary.ts";
import { foldErrorOf } from "../support/folds.ts";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder();
// Holes: they take no place on the disk, nor in memory unless somebody reads them.
for (const [name, size_bytes] of [
  ["long", 2 ** 31],
  ["longer", 2 ** 32 + 5],
] as const) {
  writeFileSync(join(folder, `${name}.txt`), "all the readers. his case of");
  truncateSync(join(folder, `${name}.txt`), size_bytes);
}

test("bytes that no string could hold", async () => {
  const error = await foldErrorOf(() => decodeText(new Uint8Array(2 ** 31), "book.txt"));
  expect([error.code, error.message]).toEqual(["too_long", expect.stringContaining("book.txt has 2147483648 bytes")]);
});

test.each(["long", "longer"])("a file that no string could hold: %s", async (name) => {
  const error = await foldErrorOf(() => readText({ name, path: join(folder, `${name}.txt`) }));
  expect([error.code, error.message]).toEqual(["too_long", expect.stringContaining(`${name}.txt has`)]);
});

test("it does not keep others of its folder from being folded", async () => {
  await Bun.write(join(folder, "short.txt"), "all the. his case. all his. the case");
  const { exit, stderr } = await call(["run", folder, "--out", join(folder, "out"), "--quiet"]);
  expect(exit).toBe(3);
  expect(stderr).toContain("2 of 3 texts could not be folded");
  expect(await Bun.file(join(folder, "out/short.tar.zst")).exists()).toBe(true);
});
