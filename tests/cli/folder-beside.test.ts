// Files that are made beside their places: nobody takes away what somebody alive is making, and what is left goes.
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withFolderBeside } from "../../src/cli/folder-beside.ts";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder();
const maker = join(import.meta.dir, "../support/file-maker.ts");

function start(path: string, rounds: string) {
  return Bun.spawn([process.execPath, maker, path, rounds], { stderr: "pipe" });
}

test("many make one file at once, and some are killed at it: each makes it, and nothing stays", async () => {
  const path = join(folder, "file");
  const makers = [1, 2, 3].map(() => start(path, "150"));
  const over = Promise.all(makers.map(async (one) => ({ exit: await one.exited, errors: await one.stderr.text() })));
  for (let i = 0; i < 5; i++) expect(await start(path, "KILL").exited).not.toBe(0);
  for (const told of await over) expect(told).toEqual({ exit: 0, errors: "" });
  await withFolderBeside(path, async () => {});
  expect(readdirSync(folder)).toEqual(["file"]);
  expect(readFileSync(path, "utf8")).toBe(path);
});

test("what others have there is left alone, and of a killed one for another file", async () => {
  const path = join(folder, "mine");
  const theirs = ["mine.01234567.tmp", "mine.tmp", "mine.0123456.tmp", "mine.01234568.tmp"];
  for (const name of theirs.slice(0, 3)) mkdirSync(join(folder, name));
  writeFileSync(join(folder, theirs[0], "notes"), "");
  writeFileSync(join(folder, theirs[3]), "");
  await start(join(folder, "mine.txt"), "KILL").exited;
  const before = readdirSync(folder).sort();
  expect(await withFolderBeside(path, (half) => Promise.resolve(half))).toStartWith(`${path}.`);
  expect(readdirSync(folder).sort()).toEqual(before);
  await withFolderBeside(join(folder, "mine.txt"), async () => {});
  expect(readdirSync(folder).sort()).toEqual(before.filter((name) => !name.startsWith("mine.txt.")));
});

test("where no folder can be made, it says for what", async () => {
  const path = join(folder, "none/file");
  await expect(withFolderBeside(path, async () => {})).rejects.toThrow(
    `cannot create a folder for ${path}: no such file`,
  );
});
