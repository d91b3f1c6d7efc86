import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeManifest, sealManifest } from "../../src/archive/manifest.ts";
import { Archive } from "../../src/archive/reader.ts";
import { call, report } from "../support/binary.ts";
import { foldText } from "../support/folds.ts";
import { archiveWithTable, entriesOf, tarOfArchive } from "../support/tars.ts";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder();
const path = join(folder, "book.tar.zst");
// A cube: every line along each of three axes is a sentence.
const cube = "a b. c d. e f. g h. a c. b d. e g. f h. a e. b f. c g. d h. the cat. the cat.";
await foldText(cube, { archive: path, options: { max_dims: null, min_volume: 1, shard: null } });

test("shows counts, lineage, hashes and the optimal ortho slice by slice", async () => {
  const { exit, stdout, stderr } = await call(["show", path]);
  expect([exit, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/lineage +"book"/);
  expect(stdout).toMatch(/text +14 sentences, 13 distinct, 28 words, vocabulary of 10/);
  expect(stdout).toContain("any number of dimensions");
  expect(stdout).toMatch(/2x2x2 +1\n/);
  expect(stdout).toContain("2x2x2, volume 1, 8 cells");
  expect(stdout).toContain("  slice 1/2\n  a  b\n  c  d\n\n  slice 2/2\n  e  f\n  g  h\n");
  expect(stdout).not.toContain("\x1b");
});

test("--json tells the same as the manifest, and nothing of a run", async () => {
  const archive = await Archive.open(path);
  const { manifest, sizeBytes } = archive;
  archive.close();
  const told = await report(["show", path]);
  expect(told).toMatchObject({ text: "book", sentences: 14, tokens: 28, distinct_sentences: 13, max_dims: null });
  expect(told).toMatchObject({ shard: null, min_volume: 1, archive: path, archive_bytes: sizeBytes });
  expect(told).toMatchObject({ elapsed_ms: null, threads: null, peak_rss_bytes: null });
  expect(told.shapes).toEqual(manifest.shapes);
  expect(told.optimal).toEqual(manifest.optimal);
  expect(told.content_sha256).toBe(manifest.content_sha256);
});

// The manifest is all that show reads: what it says of itself comes from whoever made the archive.
test("nothing in a manifest speaks to the terminal", async () => {
  const entries = entriesOf(tarOfArchive(await Bun.file(path).bytes()));
  const { content_sha256: _old, ...told } = JSON.parse(Buffer.from(entries[entries.length - 1].bytes).toString());
  const controls = "\x1b[2J\x07\nx";
  const optimal = { ...told.optimal, words: told.optimal.words.map((word: string) => `${word}${controls}`) };
  const bytes = encodeManifest(sealManifest({ ...told, name: controls, lineage: `"${controls}"`, optimal }));
  const forged = join(folder, "forged.tar.zst");
  await Bun.write(forged, archiveWithTable(entries.with(-1, { path: "manifest.json", bytes })));
  const { exit, stdout } = await call(["show", forged]);
  expect(exit).toBe(0);
  expect(stdout).toContain("\ufffd[2J");
  expect(stdout.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
});

test("an archive without orthos has nothing to draw", async () => {
  const empty = join(folder, "empty.tar.zst");
  await foldText("one two three.", { archive: empty });
  const { exit, stdout } = await call(["show", empty]);
  expect(exit).toBe(0);
  expect(stdout).toMatch(/orthos +0\n/);
  expect(stdout).not.toContain("optimal");
});

const notArchives: [what: string, make: (path: string) => void, exit: number, message: RegExp][] = [
  ["a missing file", () => {}, 5, /no such file/],
  ["a folder", (place) => mkdirSync(place), 2, /it is a folder\nhint: give the path of a file/],
  ["an empty file", (place) => writeFileSync(place, ""), 1, /hint: /],
  ["a text", (place) => writeFileSync(place, "just a text\n"), 1, /no zstd file/],
];

test.each(notArchives)("%s is a clear error", async (what, make, exit, message) => {
  const place = join(folder, what.replaceAll(" ", "-"));
  make(place);
  for (const command of ["show", "export", "verify"]) {
    const ended = await call([command, place]);
    expect(ended.exit).toBe(exit);
    expect(ended.stdout + ended.stderr).toMatch(command === "verify" && exit === 1 ? /damaged/ : message);
  }
});
