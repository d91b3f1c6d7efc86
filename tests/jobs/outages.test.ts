// What is told of a storage that is away, and how long it is waited for.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { FoldError } from "../../src/errors.ts";
import { Outages } from "../../src/jobs/outages.ts";
import { foldErrorOf } from "../support/folds.ts";
import { type QuickTime, quickTime } from "./quick-time.ts";

const HOUR_MS = 3_600_000;
const unreachable = () => new FoldError("unreachable", "it is away", "wait");
const away = () => {
  throw unreachable();
};
const there = () => "there";

let told: string[];
let time: QuickTime;

beforeEach(() => {
  told = [];
  time = quickTime();
});
afterEach(() => time.restore());

/** Outages that write down what they tell, times in whole seconds. */
function outages(longest_ms = Infinity): Outages {
  return new Outages(longest_ms, {
    onAway: ({ message }) => told.push(`away: ${message}`),
    onBack: (away_ms) => told.push(`back after ${Math.round(away_ms / 1_000)} s`),
  });
}

/** Fails as unreachable so many times, then does what it is asked to. */
function afterFailures<T>(failures: number, act: () => T): () => T {
  let tries = 0;
  return () => (++tries > failures ? act() : away());
}

const { signal } = new AbortController();

test("what works is done once, and nothing is told", async () => {
  expect(await outages().over(there, signal)).toBe("there");
  expect([told, time.waits]).toEqual([[], []]);
});

test("a storage that was never reached is not waited for", async () => {
  expect((await foldErrorOf(() => outages().over(away, signal))).message).toBe("it is away");
  expect([told, time.waits]).toEqual([[], []]);
});

test("one that was reached is waited for, ever longer; its end and its beginning are told once", async () => {
  const of = outages();
  await of.over(there, signal);
  expect(await of.over(afterFailures(8, there), signal)).toBe("there");
  expect(time.waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  expect(told).toEqual(["away: it is away", "back after 121 s"]);
  await of.over(afterFailures(1, there), signal);
  expect(time.waits.slice(8)).toEqual([1_000]);
  expect(told.slice(2)).toEqual(["away: it is away", "back after 1 s"]);
});

test("other errors come at once, and are an answer", async () => {
  const of = outages();
  await of.over(there, signal);
  const refuse = () => {
    throw new FoldError("lease_lost", "it is another's", "go on");
  };
  expect((await foldErrorOf(() => of.over(refuse, signal))).code).toBe("lease_lost");
  expect([told, time.waits]).toEqual([[], []]);
  expect((await foldErrorOf(() => of.over(afterFailures(1, refuse), signal))).code).toBe("lease_lost");
  expect(told).toEqual(["away: it is away", "back after 1 s"]);
});

test("after the longest outage its error comes; what else fails is not waited for either", async () => {
  const of = outages(HOUR_MS);
  await of.over(there, signal);
  expect((await foldErrorOf(() => of.over(away, signal))).message).toBe("it is away");
  const waited_ms = time.waits.reduce((sum, wait) => sum + wait, 0);
  expect(waited_ms).toBeGreaterThanOrEqual(HOUR_MS);
  expect(waited_ms).toBeLessThan(HOUR_MS + 30_000);
  expect((await foldErrorOf(() => of.over(away, signal))).message).toBe("it is away");
  expect(time.waits.reduce((sum, wait) => sum + wait, 0)).toBe(waited_ms);
  expect(told).toEqual(["away: it is away"]);
});

test("that something else works does not mean that what was given up is back", async () => {
  const of = outages(HOUR_MS);
  await of.over(there, signal);
  await foldErrorOf(() => of.over(away, signal));
  expect(await of.over(there, signal)).toBe("there");
  expect(told).toEqual(["away: it is away"]);
  // A new one, with all its time.
  time.waits.length = 0;
  await of.over(afterFailures(3, there), signal);
  expect(time.waits).toEqual([1_000, 2_000, 4_000]);
  expect(told.slice(1)).toEqual(["away: it is away", "back after 7 s"]);
});

test("stopped, it waits no more, and what works afterwards is not told as its end", async () => {
  const of = outages();
  await of.over(there, signal);
  const stop = new AbortController();
  const stopAtThird = afterFailures(2, () => {
    stop.abort();
    return away();
  });
  expect((await foldErrorOf(() => of.over(stopAtThird, stop.signal))).code).toBe("unreachable");
  expect(time.waits).toEqual([1_000, 2_000]);
  expect(await of.over(there, stop.signal)).toBe("there");
  expect(told).toEqual(["away: it is away"]);
});

test("stopped while it waits, it does not try again", async () => {
  const of = outages();
  await of.over(there, signal);
  const stop = new AbortController();
  time.onWait = (waits) => waits === 2 && stop.abort();
  let tries = 0;
  const counting = () => {
    tries++;
    return away();
  };
  expect((await foldErrorOf(() => of.over(counting, stop.signal))).code).toBe("unreachable");
  expect(tries).toBe(2);
});

test("whether it is away can be asked", async () => {
  const of = outages();
  await of.over(there, signal);
  const seen: boolean[] = [];
  const look = afterFailures(2, there);
  const looking = () => {
    seen.push(of.isAway);
    return look();
  };
  await of.over(looking, signal);
  expect([...seen, of.isAway]).toEqual([false, true, true, false]);
});

test("while a call waits for one part of it, an answer of another does not mean that all is back", async () => {
  const of = outages();
  await of.over(there, signal);
  let answers = 0;
  const waiting = afterFailures(3, there);
  await of.over(async () => {
    // Another call, while this one is tried again.
    if (of.isAway) answers += (await of.over(there, signal)) === "there" ? 1 : 0;
    return waiting();
  }, signal);
  expect(answers).toBe(3);
  expect(told).toEqual(["away: it is away", "back after 7 s"]);
});
