import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseShape, volumeOf } from "../../src/core/shapes.ts";
import { binary, call } from "../support/binary.ts";
import { foldText, readArchive } from "../support/folds.ts";
import { digestOf, sampleFacts, sampleText } from "../support/sample.ts";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder();
const path = join(folder, "log.tar.zst");
await foldText(sampleText, { archive: path });
const { lines: all } = await readArchive(path);

const shapeOf = (line: string) => line.slice(0, line.indexOf("\t"));
const wordsOf = (line: string) => line.slice(line.indexOf("\t") + 1).split(" ");

async function exported(...args: string[]): Promise<string[]> {
  const { exit, stdout, stderr } = await call(["export", path, ...args]);
  expect([exit, stderr]).toEqual([0, ""]);
  return stdout === "" ? [] : stdout.trimEnd().split("\n");
}

test("all canonical lines, in the order of the archive", async () => {
  const lines = await exported();
  expect(lines).toEqual([...all]);
  const sorted = lines.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  expect(digestOf(sorted)).toBe(sampleFacts.digest);
});

test("only one shape, whatever the order of its dims", async () => {
  const wanted = all.filter((line) => shapeOf(line) === "2x4");
  expect(wanted.length).toBeGreaterThan(0);
  expect(await exported("--shape", "2x4")).toEqual(wanted);
  expect(await exported("--shape", "4x2")).toEqual(wanted);
  expect(await exported("--shape", "9x9x9")).toEqual([]);
});

test("only what is large enough", async () => {
  const wanted = all.filter((line) => volumeOf(parseShape(shapeOf(line)) ?? []) >= 4);
  expect(wanted.length).toBeGreaterThan(0);
  expect(await exported("--min-volume", "4")).toEqual(wanted);
});

test("only what holds one word, or several", async () => {
  const [first, second] = wordsOf(all[all.length >> 1]);
  const wanted = all.filter((line) => wordsOf(line).includes(first));
  expect(await exported("--containing", first.toUpperCase())).toEqual(wanted);
  const both = wanted.filter((line) => wordsOf(line).includes(second));
  expect(both.length).toBeGreaterThan(0);
  expect(await exported("--containing", first, "--containing", second)).toEqual(both);
  expect(await exported("--containing", "nosuchword")).toEqual([]);
});

test("a word is found however its accents are encoded", async () => {
  const place = join(folder, "accents.tar.zst");
  await foldText("\u00e9t\u00e9 b. c d. \u00e9t\u00e9 c. b d.", { archive: place });
  const { stdout } = await call(["export", place, "--containing", "E\u0301TE\u0301"]);
  expect(stdout).toBe("2x2\t\u00e9t\u00e9 b c d\n");
});

test("a word is found as a text would spell it: signs around it are none of it, and an apostrophe is one", async () => {
  const place = join(folder, "signs.tar.zst");
  await foldText("don't b. c d. don't c. b d.", { archive: place });
  for (const word of ["Don\u2019t", "don't,", "(don't)", "don't."]) {
    for (const option of ["--containing", "--origin"]) {
      const { exit, stdout } = await call(["export", place, option, word]);
      expect([exit, stdout]).toEqual([0, "2x2\tdon't b c d\n"]);
    }
  }
});

test("an archive that cannot be read is told, also where no line is asked for", async () => {
  const damaged = join(folder, "damaged.tar.zst");
  writeFileSync(damaged, readFileSync(path).fill(0, 100, 2_000));
  for (const named of ["nosuch", damaged]) {
    const [all, none] = [await call(["export", named]), await call(["export", named, "--limit", "0"])];
    expect(all.exit).toBe(named === damaged ? 1 : 5);
    expect(none).toEqual({ ...all, stdout: "" });
  }
});

test("--limit is the number of lines, also together with a filter", async () => {
  expect(await exported("--limit", "0")).toEqual([]);
  expect(await exported("--limit", "7")).toEqual(all.slice(0, 7));
  const wanted = all.filter((line) => shapeOf(line) === "2x3");
  expect(await exported("--limit", "7", "--shape", "3x2")).toEqual(wanted.slice(0, 7));
});

test("--origin is the first word", async () => {
  const origin = all[Math.floor(all.length / 2)].split("\t")[1].split(" ")[0];
  const wanted = all.filter((line) => line.split("\t")[1].split(" ")[0] === origin);
  expect(wanted.length).toBeLessThan(all.length);
  expect(await exported("--origin", origin)).toEqual(wanted);
  expect(await exported("--origin", "nowhere")).toEqual([]);
});

test("jsonl holds the same", async () => {
  const objects = (await exported("--format", "jsonl")).map((line) => JSON.parse(line));
  expect(objects.map(({ dims, words }) => `${dims.join("x")}\t${words.join(" ")}`)).toEqual([...all]);
  expect(objects.every(({ dims, volume }) => volume === volumeOf(dims))).toBe(true);
});

test("a reader that has seen enough is no error", async () => {
  const child = Bun.spawn(["sh", "-c", `"${binary}" export "${path}" | head -n 2`], {
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect(stdout.trimEnd().split("\n")).toEqual(all.slice(0, 2));
  expect(stderr).toBe("");
  const script = `set -o pipefail; "${binary}" export "${path}" | head -n 2 >/dev/null`;
  const bash = Bun.which("bash");
  if (bash !== null) expect(await Bun.spawn([bash, "-c", script]).exited).toBe(0);
});
