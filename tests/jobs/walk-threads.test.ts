// Threads of the walk: kept for the next fold when one went well, ended when it did not.
import { afterEach, beforeEach, expect, type Mock, spyOn, test } from "bun:test";
import { errorOfThread, failureOf } from "../../src/jobs/walk-failure.ts";
import type { WalkOrder } from "../../src/jobs/walk-messages.ts";
import { WalkThreads } from "../../src/jobs/walk-threads.ts";
import { foldErrorOf, foldText } from "../support/folds.ts";

const tale = "the old man sat. the young man ran. old men sat. young men ran.";
/** A short walk of two dimensions needs no thread. */
const options = { max_dims: 3, min_volume: 1, shard: null };
let threads: WalkThreads;
let ends: Mock<() => unknown>;

beforeEach(() => {
  threads = new WalkThreads();
  ends = spyOn(Worker.prototype, "terminate");
});

afterEach(() => {
  threads.close();
  ends.mockRestore();
});

const fold = (onProgress: () => void = () => {}) =>
  foldText(tale, { options, keptThreads: threads, threads: 1, onProgress });

test("a thread serves one fold after another, and ends with them", async () => {
  for (let i = 0; i < 3; i++) expect((await fold()).orthos).toBeGreaterThan(0);
  expect(ends).toHaveBeenCalledTimes(0);
  threads.close();
  expect(ends).toHaveBeenCalledTimes(1);
});

test("a thread whose fold failed is ended, and the next fold has another", async () => {
  const full = () => {
    throw new Error("no room for it");
  };
  await expect(fold(full)).rejects.toThrow("no room for it");
  expect(ends).toHaveBeenCalledTimes(1);
  expect((await fold()).orthos).toBeGreaterThan(0);
  expect(ends).toHaveBeenCalledTimes(1);
});

test("a thread that crashes tells why in one line, and where apart from it", async () => {
  const crash = threads.run({ tasks: [null] } as unknown as WalkOrder, () => {});
  const { code, message, hint, cause } = await foldErrorOf(() => crash);
  expect([code, message.includes("\n")]).toEqual(["failed", false]);
  expect(message).toStartWith("a thread of the walk failed: ");
  expect(hint).toContain("report it");
  expect((cause as Error).stack).toMatch(/\n +at .*walk/);
});

test("a thread without memory says what helps", () => {
  const { message, hint } = errorOfThread(failureOf(new RangeError("Out of memory")));
  expect([message, hint]).toEqual(["the memory of this machine is used up", "free some, or give fewer --threads"]);
});
