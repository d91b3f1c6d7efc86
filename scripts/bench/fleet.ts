// What it costs to work through a database and buckets instead of a state directory, as JSON:
//   bun scripts/bench/fleet.ts FOLD BOOK [TEXTS] [CHARACTERS] [WORKERS] [RUNS]
// FOLD is the executable, BOOK a text that is cut into TEXTS (100) pieces of CHARACTERS (40000), again from its beginning
// when it ends; WORKERS (10) processes of one thread fold them, from a state directory and from a fleet's storage, which
// the environment names and which must be empty: DATABASE_URL, DO_SPACES_*.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [fold, book, texts = "100", characters = "40000", workers = "10", runs = "3"] = Bun.argv.slice(2);
if (book === undefined) {
  console.error("usage: bun scripts/bench/fleet.ts FOLD BOOK [TEXTS] [CHARACTERS] [WORKERS] [RUNS]");
  process.exit(2);
}

/** @param run part of their names: archives of other runs must not be equal, or they would be joined */
function writeTexts(folder: string, run: number): void {
  mkdirSync(folder, { recursive: true });
  const all = readFileSync(book, "utf8");
  const size = Number(characters);
  for (let i = 0; i < Number(texts); i++) {
    const from = (i * size) % Math.max(1, all.length - size);
    writeFileSync(join(folder, `${run}-${i}.txt`), all.slice(from, from + size));
  }
}

async function run(...args: readonly string[]): Promise<string> {
  const child = Bun.spawn([fold, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const output = await child.stdout.text();
  if ((await child.exited) !== 0) throw new Error(`fold ${args[0]} ended with ${child.exitCode}`);
  return output;
}

/** Let all workers work at once; the time until the last one ends, and how many jobs were done. */
async function work(...args: readonly string[]): Promise<{ time_ms: number; jobs: number }> {
  const start = performance.now();
  const children = Array.from({ length: Number(workers) }, () => run(...args, "--threads", "1", "--json", "--quiet"));
  const outputs = await Promise.all(children);
  const jobs = outputs
    .join("")
    .split("\n")
    .filter((line) => line.includes('"event":"done"')).length;
  return { time_ms: performance.now() - start, jobs };
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1];

const folder = mkdtempSync(join(tmpdir(), "fold-fleet-"));
const [local, cloud]: [number[], number[]] = [[], []];
try {
  for (let i = 0; i < Number(runs); i++) {
    const state = join(folder, `state-${i}`);
    const submitted = join(folder, `texts-${i}`);
    writeTexts(join(state, "input"), i);
    writeTexts(submitted, i);
    const there = await work("work", "--state-dir", state, "--storage-backend", "local");
    await run("submit", submitted, "--quiet");
    const fleet = await work("worker");
    if (there.jobs !== Number(texts) || fleet.jobs !== Number(texts)) throw new Error("not every text was folded once");
    local.push(there.time_ms);
    cloud.push(fleet.time_ms);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const [local_ms, cloud_ms] = [Math.round(median(local)), Math.round(median(cloud))];
console.log(
  JSON.stringify({ texts: Number(texts), workers: Number(workers), local_ms, cloud_ms, ratio: cloud_ms / local_ms }),
);
