// What it costs to merge a little new text into a large archive, as a share of folding the union, as JSON:
//   bun scripts/bench/merge.ts FOLD BOOK [THREADS]
// FOLD is the executable. A piece from the middle of BOOK is the new text, the rest the old one. Union and merge take
// their runs in turn, since machines have moods; the two archives must be equal.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [fold, book, threads = "1"] = Bun.argv.slice(2);
if (book === undefined) {
  console.error("usage: bun scripts/bench/merge.ts FOLD BOOK [THREADS]");
  process.exit(2);
}
const RUNS = 3;
const SHARES = [0.01, 0.1];

/** The report of a fold that runs from scratch. */
async function report(out: string, ...args: string[]) {
  const command = [fold, ...args, "--fresh", "--quiet", "--json", "--out", out];
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
  return JSON.parse(await child.stdout.text());
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/** Cut out of a text about a share of it, whole paragraphs from its middle on. */
function cut(text: string, share: number): { old: string; fresh: string } {
  const from = text.indexOf("\n\n", text.length / 2);
  const to = text.indexOf("\n\n", from + text.length * share);
  return { old: text.slice(0, from) + text.slice(to), fresh: text.slice(from, to) };
}

async function measure(folder: string, text: string, share: number) {
  const { old, fresh } = cut(text, share);
  const path = (name: string) => join(folder, `${name}.txt`);
  writeFileSync(path("old"), old);
  writeFileSync(path("fresh"), fresh);
  const flags = ["--threads", threads];
  const parts = await Promise.all(["old", "fresh"].map((name) => report(folder, "run", path(name), ...flags)));
  const ratios: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    const union = await report(join(folder, "union"), "run", path("old"), path("fresh"), "--merge", ...flags);
    const merged = await report(join(folder, "merged"), "merge", ...parts.map(({ archive }) => archive), ...flags);
    if (merged.content_sha256 !== union.content_sha256) throw new Error("the merge is not the fold of the union");
    ratios.push(merged.elapsed_ms / union.elapsed_ms);
  }
  const [{ orthos: before }, { orthos: alone }] = parts;
  return { share, orthos_old: before, orthos_fresh: alone, ratio: median(ratios), ratios };
}

const folder = mkdtempSync(join(tmpdir(), "fold-merge-"));
try {
  const text = await Bun.file(book).text();
  const figures: object[] = [];
  for (const share of SHARES) figures.push(await measure(folder, text, share));
  console.log(JSON.stringify(figures, null, 2));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
