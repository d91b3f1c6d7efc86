// A fold that was stopped goes on: the same request again ends with the same bytes, whatever happened in between.
import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Archive } from "../../src/archive/reader.ts";
import { FoldError } from "../../src/errors.ts";
import type { FoldOutcome, FoldRequest } from "../../src/jobs/fold-corpus.ts";
import { unevenSentences } from "../support/corpora.ts";
import { foldErrorOf, foldText } from "../support/folds.ts";
import { randomNumbers } from "../support/random.ts";
import { temporaryFolder } from "../support/temporary.ts";

// For slow machines: each test folds several times.
setDefaultTimeout(300_000);

const folder = temporaryFolder();
const path = join(folder, "book.tar.zst");
const work = `${path}.work`;
const options = { max_dims: 2, min_volume: 1, shard: null };
// As few orthos as there may be in several tasks, whose parts are kept.
const text = unevenSentences(1400, 2000, 3)
  .map((words) => words.join(" "))
  .join(". ");
const request = { archive: path, options, threads: 2 };
const whole = await foldText(text, request);
const tasks = whole.archive?.manifest.chunks.length ?? 0;

/** Folds until so many more chunks are done; true when the fold was stopped before its end. */
async function foldUntil(chunks: number, changes: Partial<FoldRequest> = {}): Promise<boolean> {
  const stop = new AbortController();
  // Chunks of runs before are counted before the plan is told.
  let left = Number.POSITIVE_INFINITY;
  const onPlan = () => {
    left = chunks;
  };
  const onProgress = () => {
    if (--left === 0) stop.abort();
  };
  try {
    await foldText(text, { ...request, signal: stop.signal, onPlan, onProgress, ...changes });
    return false;
  } catch (error) {
    if (error instanceof FoldError && error.code === "interrupted") return true;
    throw error;
  }
}

/** Folds to the end; tells how many tasks were done before. */
async function foldOn(changes: Partial<FoldRequest> = {}): Promise<FoldOutcome & { resumed: number }> {
  let resumed = -1;
  const outcome = await foldText(text, { ...request, onPlan: (plan) => (resumed = plan.resumed), ...changes });
  return { ...outcome, resumed };
}

function expectWhole(outcome: FoldOutcome): void {
  expect(outcome.archive?.tarSha256).toBe(whole.archive?.tarSha256 ?? "");
  expect({ orthos: outcome.orthos, shapes: outcome.shapes, optimal: outcome.optimal }).toEqual({
    orthos: whole.orthos,
    shapes: whole.shapes,
    optimal: whole.optimal,
  });
  expect(readdirSync(folder)).toEqual(["book.tar.zst"]);
}

function spilledFiles(): string[] {
  return readdirSync(work)
    .filter((name) => name.endsWith(".zst"))
    .map((name) => join(work, name));
}

/** Leaves the folder as a run does that was stopped in its middle. */
async function stopInTheMiddle(): Promise<void> {
  rmSync(path, { force: true });
  rmSync(work, { recursive: true, force: true });
  expect(await foldUntil(Math.ceil(tasks / 2))).toBe(true);
  expect(existsSync(path)).toBe(false);
  expect(spilledFiles().length).toBeGreaterThan(2);
}

test("stopped again and again, by chance, it ends with the same bytes", async () => {
  const seed = Date.now();
  const random = randomNumbers(seed);
  console.log(`the chances of stopping come from the seed ${seed}`);
  for (let round = 0; round < 2; round++) {
    rmSync(path, { force: true });
    let stops = 0;
    while (await foldUntil(1 + Math.floor((random() * tasks) / 3), { threads: 1 + Math.floor(3 * random()) })) {
      stops++;
      expect(readdirSync(folder)).toEqual(["book.tar.zst.work"]);
    }
    expect(stops).toBeGreaterThan(0);
    const archive = await Archive.open(path);
    const sha256 = await archive.tarSha256();
    archive.close();
    expect(sha256).toBe(whole.archive?.tarSha256 ?? "");
  }
});

test("what is done is not done again", async () => {
  await stopInTheMiddle();
  const { resumed, ...outcome } = await foldOn();
  expect(resumed).toBeGreaterThan(tasks / 4);
  expectWhole(outcome);
});

test("a signal that was given before the start stops at once", async () => {
  rmSync(path, { force: true });
  const error = await foldErrorOf(() => foldText(text, { ...request, signal: AbortSignal.abort() }));
  expect(error.code).toBe("interrupted");
  expect(existsSync(path)).toBe(false);
  expectWhole(await foldOn());
});

const damages: Record<string, (file: string) => void> = {
  "cut off": (file) => truncateSync(file, Math.floor(readFileSync(file).length / 2)),
  emptied: (file) => truncateSync(file, 0),
  "with a bit flipped": (file) => {
    const bytes = readFileSync(file);
    bytes[Math.floor(bytes.length / 2)] ^= 16;
    writeFileSync(file, bytes);
  },
  "in place of another": (file) => writeFileSync(file, readFileSync(spilledFiles()[0])),
  removed: (file) => rmSync(file),
};

test.each(Object.entries(damages))("a finished part that is %s is walked again", async (_, damage) => {
  await stopInTheMiddle();
  const files = spilledFiles();
  const before = files.length;
  for (const file of new Set([files[1], files[Math.floor(before / 2)], files[before - 1]])) damage(file);
  const { resumed, ...outcome } = await foldOn();
  expect(resumed).toBeLessThan(before);
  expectWhole(outcome);
});

test("strange files in the work folder do no harm", async () => {
  await stopInTheMiddle();
  for (const name of ["note.txt", "0-0.last.10.zst.12345678.tmp", "999999-0.last.0.zst", "x-0.last.0.zst"]) {
    writeFileSync(join(work, name), "strange");
  }
  expectWhole(await foldOn());
});

const others: Record<string, () => Promise<unknown>> = {
  "other options": () => foldUntil(2, { options: { ...options, min_volume: 2 } }),
  "a shard": () => foldUntil(2, { options: { ...options, shard: { number: 1, of: 2 } } }),
  "no key": () => Promise.resolve(rmSync(join(work, "key"))),
};

test.each(Object.entries(others))("a work folder of %s is thrown away", async (_, leave) => {
  await stopInTheMiddle();
  await leave();
  const { resumed, ...outcome } = await foldOn();
  expect(resumed).toBe(0);
  expectWhole(outcome);
});

test("a work folder of another text is thrown away", async () => {
  await stopInTheMiddle();
  const longer = `${text}. one sentence more`;
  let resumed = -1;
  const onPlan = (plan: { resumed: number }) => (resumed = plan.resumed);
  const { archive } = await foldText(longer, { ...request, onPlan });
  const other = await foldText(longer, { ...request, archive: join(folder, "other.tar.zst") });
  expect(resumed).toBe(0);
  expect(archive?.tarSha256).toBe(other.archive?.tarSha256 ?? "");
  rmSync(join(folder, "other.tar.zst"));
});

test("a fresh start throws away what there is", async () => {
  await stopInTheMiddle();
  const { resumed, ...outcome } = await foldOn({ fresh: true });
  expect(resumed).toBe(0);
  expectWhole(outcome);
});
