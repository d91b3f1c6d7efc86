// The figures of README's table that `fold bench` does not give, as JSON:
//   bun scripts/bench/figures.ts FOLD BOOK CHAPTER
// FOLD is the executable, BOOK a text that takes seconds, CHAPTER one whose first 30,000 bytes are folded in all dimensions.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [fold, book, chapter] = Bun.argv.slice(2);
if (chapter === undefined) {
  console.error("usage: bun scripts/bench/figures.ts FOLD BOOK CHAPTER");
  process.exit(2);
}
const RUNS = 5;
const SHARDS = 8;

/** Milliseconds that fold itself reports for one text. */
async function elapsed(...args: string[]): Promise<number> {
  const child = Bun.spawn([fold, "run", ...args, "--no-archive", "--quiet", "--json"], { stdout: "pipe" });
  return JSON.parse(await child.stdout.text()).elapsed_ms;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

async function medianOf(measure: () => Promise<number>): Promise<number> {
  const values: number[] = [];
  for (let i = 0; i < RUNS; i++) values.push(await measure());
  return Math.round(median(values));
}

async function shards(): Promise<object> {
  const times: number[] = [];
  for (let i = 1; i <= SHARDS; i++) times.push(await elapsed(book, "--shard", `${i}/${SHARDS}`, "--threads", "1"));
  const mean = times.reduce((sum, time) => sum + time, 0) / SHARDS;
  return { times_ms: times, heaviest_against_mean: Math.max(...times) / mean };
}

/** How much two folds that share nothing slow each other down: what the machine takes from two threads. */
async function neighbours(): Promise<object> {
  const ratios: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    const alone = await elapsed(book, "--threads", "1");
    const both = await Promise.all([elapsed(book, "--threads", "1"), elapsed(book, "--threads", "1")]);
    ratios.push((2 * alone) / Math.max(...both));
  }
  return { two_processes_against_one: median(ratios) };
}

async function versionTime(): Promise<number> {
  const start = performance.now();
  await Bun.spawn([fold, "--version"], { stdout: "ignore" }).exited;
  return performance.now() - start;
}

const folder = mkdtempSync(join(tmpdir(), "fold-figures-"));
try {
  const part = join(folder, "30kB.txt");
  writeFileSync(part, (await Bun.file(chapter).bytes()).subarray(0, 30_000));
  const figures = {
    version_ms: await medianOf(versionTime),
    all_dims_of_30_kB_ms: await medianOf(() => elapsed(part, "--max-dims", "all")),
    shards: await shards(),
    ...(await neighbours()),
  };
  console.log(JSON.stringify(figures, null, 2));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
