// How many small texts a second workers fold, and what working side by side costs, as JSON:
//   bun scripts/bench/jobs.ts FOLD BOOK [TEXTS] [CHARACTERS] [RUNS]
// FOLD is the executable, BOOK a text that is cut into TEXTS (1000) pieces of CHARACTERS (2000), again from its beginning
// when it ends. `alone` is `fold run` on the same texts in one process on one thread: the same archives without jobs;
// `against_alone` is the median of RUNS (3), each of which is compared with the run before it.
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

function writeTexts(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [number, text] of pieces.entries()) writeFileSync(join(folder, `${number}.txt`), text);
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
const times = new Map<string, number[]>();
const note = (what: string, time_ms: number) => times.set(what, [...(times.get(what) ?? []), time_ms]);
try {
  for (let run = 0; run < Number(runs); run++) {
    writeTexts(join(folder, "texts"));
    rmSync(join(folder, "out"), { recursive: true, force: true });
    note("alone", await timeOf(["run", join(folder, "texts"), "--threads", "1", "--out", join(folder, "out")]));
    for (const processes of PROCESSES) {
      const state = join(folder, "state");
      rmSync(state, { recursive: true, force: true });
      writeTexts(join(state, "input"));
      const work = ["work", "--threads", "1", "--state-dir", state];
      note(`${processes}`, await timeOf(...Array.from({ length: processes }, () => work)));
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const alone = times.get("alone") ?? [];
const rates = PROCESSES.map((processes) => {
  const own = times.get(`${processes}`) ?? [];
  const time_ms = median(own);
  return {
    processes,
    time_ms: Math.round(time_ms),
    jobs_per_s: Math.round((pieces.length / time_ms) * 1000),
    against_alone: median(own.map((one_ms, run) => alone[run] / one_ms)),
  };
});
console.log(
  JSON.stringify(
    { texts: pieces.length, characters: Number(characters), alone_ms: Math.round(median(alone)), rates },
    null,
    1,
  ),
);
