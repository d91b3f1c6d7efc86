// Where a walk goes on: in its place when it is short, on threads when it is long, or turns out to be.
import { expect, type Mock, setDefaultTimeout, spyOn, test } from "bun:test";
import { WalkThreads } from "../../src/jobs/walk-threads.ts";
import { foldErrorOf, foldText } from "../support/folds.ts";

setDefaultTimeout(60_000);

/** Spelled without digits, which are no letters. */
const spell = (number: number) =>
  number.toString(26).replace(/./g, (digit) => "abcdefghijklmnopqrstuvwxyz"[Number.parseInt(digit, 26)]);

/**
 * The rows and the columns of a table of n x n words, all different: every part of it is an ortho, and there are
 * as many as pairs of two rows times pairs of two columns. Only n x n of them are squares, by which walks are weighed.
 */
function table(n: number): string {
  const numbers = [...Array(n).keys()];
  const rows = numbers.map((row) => numbers.map((column) => spell(row * n + column)).join(" "));
  const columns = numbers.map((column) => numbers.map((row) => spell(row * n + column)).join(" "));
  return [...rows, ...columns].join(". ");
}

const parts = (n: number) => ((n * (n - 1)) / 2) ** 2;

/** Fold a text on one thread, and count how often a thread was used. */
async function foldOnThreads(text: string, max_dims = 2): Promise<{ orthos: number; threads: number }> {
  const threads = new WalkThreads();
  const runs: Mock<WalkThreads["run"]> = spyOn(threads, "run");
  try {
    const options = { max_dims, min_volume: 1, shard: null };
    const { orthos } = await foldText(text, { options, keptThreads: threads, threads: 1 });
    return { orthos, threads: runs.mock.calls.length };
  } finally {
    threads.close();
  }
}

test("a short walk needs no thread", async () => {
  expect(await foldOnThreads(table(9))).toEqual({ orthos: parts(9), threads: 0 });
});

test("one of three dimensions does: nobody knows that it is short", async () => {
  expect(await foldOnThreads(table(9), 3)).toEqual({ orthos: parts(9), threads: 1 });
});

test("one that turns out to be long goes to a thread, and nothing is counted twice", async () => {
  expect(await foldOnThreads(table(40))).toEqual({ orthos: parts(40), threads: 1 });
});

test("and it can be stopped", async () => {
  const stop = new AbortController();
  const folding = foldText(table(120), { signal: stop.signal, threads: 1 });
  setTimeout(() => stop.abort(), 200);
  expect((await foldErrorOf(() => folding)).code).toBe("interrupted");
});
