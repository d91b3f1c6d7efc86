// What it costs to work through a database and buckets instead of a state directory, as JSON:
//   bun scripts/bench/fleet.ts FOLD BOOK [TEXTS] [CHARACTERS] [WORKERS] [RUNS]
// FOLD is the executable, BOOK a text that is cut into TEXTS (100) pieces of CHARACTERS (40000), again from its
// beginning when it ends; WORKERS (10) processes of one thread fold them, from a state directory and from a fleet's storage,
// which the environment names and which must be empty: DATABASE_URL, DO_SPACES_*. The servers may be on the same cores and
// take from them; `cpu` is the processor time of the workers alone.
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

async function run(...args: readonly string[]): Promise<{ output: string; cpu_ms: number }> {
  const child = Bun.spawn([fold, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const output = await child.stdout.text();
  if ((await child.exited) !== 0) throw new Error(`fold ${args[0]} ended with ${child.exitCode}`);
  return { output, cpu_ms: Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1000 };
}

interface Worked {
  /** Until the last worker ends. */
  readonly time_ms: number;
  /** Of all workers together. */
  readonly cpu_ms: number;
  readonly jobs: number;
}

/** Let all workers work at once. */
async function work(...args: readonly string[]): Promise<Worked> {
  const start = performance.now();
  const children = Array.from({ length: Number(workers) }, () => run(...args, "--threads", "1", "--json", "--quiet"));
  const ended = await Promise.all(children);
  const time_ms = performance.now() - start;
  const lines = ended.flatMap(({ output }) => output.split("\n"));
  const jobs = lines.filter((line) => line.includes('"event":"done"')).length;
  return { time_ms, jobs, cpu_ms: ended.reduce((sum, { cpu_ms }) => sum + cpu_ms, 0) };
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1];
const medianOf = (runs: readonly Worked[], what: "time_ms" | "cpu_ms") => Math.round(median(runs.map((r) => r[what])));

const folder = mkdtempSync(join(tmpdir(), "fold-fleet-"));
const [local, cloud]: [Worked[], Worked[]] = [[], []];
try {
  for (let i = 0; i < Number(runs); i++) {
    const state = join(folder, `state-${i}`);
    const submitted = join(folder, `texts-${i}`);
    writeTexts(join(state, "input"), i);
    writeTexts(submitted, i);
    await run("submit", submitted, "--quiet");
    const ways = [
      async () => void local.push(await work("work", "--state-dir", state, "--storage-backend", "local")),
      async () => void cloud.push(await work("worker")),
    ];
    // In turn: what runs second may find the machine warmer, or its memory taken.
    for (const way of i % 2 === 0 ? ways : ways.toReversed()) await way();
    const jobs = [local.at(-1)?.jobs, cloud.at(-1)?.jobs];
    if (jobs.some((count) => count !== Number(texts))) throw new Error("not every text was folded once");
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const [local_ms, cloud_ms] = [medianOf(local, "time_ms"), medianOf(cloud, "time_ms")];
const cpu = { local_ms: medianOf(local, "cpu_ms"), cloud_ms: medianOf(cloud, "cpu_ms") };
const ratios = cloud.map(({ time_ms }, i) => time_ms / local[i].time_ms);
console.log(
  JSON.stringify({
    texts: Number(texts),
    workers: Number(workers),
    local_ms,
    cloud_ms,
    ratio: median(ratios),
    ratios,
    cpu: { ...cpu, ratio: cpu.cloud_ms / cpu.local_ms },
  }),
);
