// How many small texts a second workers fold, and what working side by side costs, as JSON:
//   bun scripts/bench/jobs.ts FOLD BOOK [TEXTS] [CHARACTERS] [RUNS]
// FOLD is the executable, BOOK a text that is cut into TEXTS (1000) pieces of CHARACTERS (2000), again from its beginning
// when it ends. `apart` is as many `fold run` at once as there are workers, each on its share of the same texts and on one
// thread: the same archives without jobs. `against_apart` is the median of RUNS (3) of workers' speed against that, the
// one first and then the other in turn.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [fold, book, texts = "1000", characters = "2000", runs = "3"] = Bun.argv.slice(2);
if (book === undefined) {
  console.error("usage: bun scripts/bench/jobs.ts FOLD BOOK [TEXTS] [CHARACTERS] [RUNS]");
  process.exit(2);
}
const PROCESSES = [1, 2, 4];

function cut(): string[] {
  const all = readFileSync(book, "utf8");
  const size = Number(characters);
  return Array.from({ length: Number(texts) }, (_, i) => {
    const from = (i * size) % Math.max(1, all.length - size);
    return all.slice(from, from + size);
  });
}

const pieces = cut();

function writeTexts(folder: string, isWanted: (number: number) => boolean): void {
  mkdirSync(folder, { recursive: true });
  for (const [number, text] of pieces.entries()) {
    if (isWanted(number)) writeFileSync(join(folder, `${number}.txt`), text);
  }
}

async function timeOf(...commands: readonly string[][]): Promise<number> {
  const start = performance.now();
  const exits = commands.map(
    (args) => Bun.spawn([fold, ...args, "--quiet"], { stdio: ["ignore", "ignore", "inherit"] }).exited,
  );
  for (const exit of await Promise.all(exits)) if (exit !== 0) throw new Error(`fold ended with ${exit}`);
  return performance.now() - start;
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1];

const folder = mkdtempSync(join(tmpdir(), "fold-jobs-"));
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

/** Processes that know nothing of each other, each with its share of the texts. */
async function apart(processes: number): Promise<number> {
  const place = join(folder, "apart");
  const share = (i: number) => join(place, `${i}`);
  for (const i of upTo(processes)) writeTexts(share(i), (number) => number % processes === i);
  const commands = upTo(processes).map((i) => ["run", share(i), "--threads", "1", "--out", join(place, `out-${i}`)]);
  const time_ms = await timeOf(...commands);
  rmSync(place, { recursive: true });
  return time_ms;
}

/** Workers that share a state directory. */
async function together(processes: number): Promise<number> {
  const place = join(folder, "state");
  writeTexts(join(place, "input"), () => true);
  const time_ms = await timeOf(...upTo(processes).map(() => ["work", "--threads", "1", "--state-dir", place]));
  rmSync(place, { recursive: true });
  return time_ms;
}

const rates: object[] = [];
try {
  for (const processes of PROCESSES) {
    const times = { apart: [] as number[], together: [] as number[] };
    for (const run of upTo(Number(runs))) {
      const ways = [
        () => apart(processes).then((ms) => times.apart.push(ms)),
        () => together(processes).then((ms) => times.together.push(ms)),
      ];
      for (const way of run % 2 === 0 ? ways : ways.toReversed()) await way();
    }
    const time_ms = median(times.together);
    rates.push({
      processes,
      apart_ms: Math.round(median(times.apart)),
      time_ms: Math.round(time_ms),
      jobs_per_s: Math.round((pieces.length / time_ms) * 1000),
      against_apart: median(times.together.map((one_ms, run) => times.apart[run] / one_ms)),
    });
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(JSON.stringify({ texts: pieces.length, characters: Number(characters), rates }, null, 1));
