// What becomes of a job whose attempt has ended with an error, on a state directory.
import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FoldError, type FoldErrorCode } from "../../src/errors.ts";
import { type GivenUp, GiveUp } from "../../src/jobs/give-up.ts";
import { Outages } from "../../src/jobs/outages.ts";
import type { WorkRequest } from "../../src/jobs/work-request.ts";
import type { LocalStorage } from "../../src/storage/local/local-storage.ts";
import type { Attempt, JobEntry } from "../../src/storage/port.ts";
import { LocalPlace } from "../storage/local-place.ts";
import { claim } from "../storage/place.ts";
import { foldErrorOf } from "../support/folds.ts";
import { type QuickTime, quickTime } from "./quick-time.ts";
import { kindsOf, type TestWorker, workerOn } from "./workers.ts";

const PART_BYTES = 3_000;

let place: LocalPlace;
let storage: LocalStorage;
let attempt: Attempt;
let worker: TestWorker;
let time: QuickTime;
const spies: { mockRestore(): void }[] = [];

beforeEach(async () => {
  place = new LocalPlace();
  storage = place.open();
  await place.putText("book", "one two. two three.");
  await next();
  time = quickTime();
});

afterEach(async () => {
  time.restore();
  for (const spy of spies.splice(0)) spy.mockRestore();
  await place.remove();
});

/** Claim the job, and leave something in its folder. */
async function next(): Promise<void> {
  attempt = await claim(storage);
  writeFileSync(join(attempt.folder, "part"), new Uint8Array(PART_BYTES));
}

function giveUpFor(changes: Partial<WorkRequest> = {}): GiveUp {
  worker = workerOn(place, changes);
  const { request } = worker;
  return new GiveUp(request, storage, new Outages(1e6, { onAway: () => {}, onBack: () => {} }));
}

function settle(giveUp: GiveUp, error: unknown, isSilent = false): Promise<GivenUp> {
  return giveUp.settle({ attempt, error, isSilent, progress: { share: 0.25, orthos: 7 } });
}

const errorOf = (code: FoldErrorCode) => new FoldError(code, "it went wrong", "mend it");

async function job(): Promise<JobEntry> {
  return (await storage.listJobs())[0];
}

/** Whether the next attempt finds what was left in the folder. */
async function keepsPart(): Promise<boolean> {
  attempt = await claim(storage);
  return (await Bun.file(join(attempt.folder, "part")).exists()) && attempt.number === 2;
}

test("stopped: the job waits again with what was done, and has not failed", async () => {
  expect(await settle(giveUpFor(), errorOf("interrupted"))).toBe("returned");
  expect(await job()).toMatchObject({ state: "waiting", failures: 0 });
  expect(worker.events).toMatchObject([{ kind: "returned", keepsWork: true }]);
  expect(await keepsPart()).toBe(true);
  expect(time.waits).toEqual([]);
});

test("storage away: the same, and the worker rests, the longer the more often, until a job is done", async () => {
  const giveUp = giveUpFor();
  for (let i = 0; i < 8; i++) {
    expect(await settle(giveUp, errorOf("unreachable"))).toBe("returned");
    expect(await job()).toMatchObject({ state: "waiting", failures: 0 });
    expect(await keepsPart()).toBe(i === 0);
  }
  expect(time.waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  expect(kindsOf(worker.events).slice(0, 4)).toEqual(["returned", "resting", "returned", "resting"]);
  giveUp.startAnew();
  await settle(giveUp, errorOf("unreachable"));
  expect(time.waits.at(-1)).toBe(1_000);
});

const forOne = [{ isOneShot: true }, { jobId: "book" }];

test.each(forOne)("storage away: %j ends with the error once the job was given back", async (changes) => {
  const giveUp = giveUpFor(changes);
  expect((await foldErrorOf(() => settle(giveUp, errorOf("unreachable")))).message).toBe("it went wrong");
  expect(kindsOf(worker.events)).toEqual(["returned"]);
  expect(await job()).toMatchObject({ state: "waiting", failures: 0 });
});

test("no space: what was done makes room, and the error says how much is needed", async () => {
  const giveUp = giveUpFor();
  const work = join(attempt.folder, "archive.tar.zst.work");
  mkdirSync(work);
  writeFileSync(join(work, "0-0.last.7.zst"), new Uint8Array(PART_BYTES));
  const { code, message } = await foldErrorOf(() => settle(giveUp, errorOf("no_space")));
  expect(code).toBe("no_space");
  const [, taken, needed] = /^book: it went wrong after (\d+) kB; about (\d+) kB are needed$/.exec(message) ?? [];
  expect(Number(taken)).toBeGreaterThanOrEqual((2 * PART_BYTES) / 1e3);
  // A quarter was done, and finished parts are there twice; what else is in the folder does not grow.
  const expected_kb = Number(taken) + (7 * PART_BYTES) / 1e3;
  expect(Math.abs(Number(needed) - expected_kb)).toBeLessThanOrEqual(1);
  expect(worker.events).toMatchObject([{ kind: "returned", keepsWork: false }]);
  expect(await job()).toMatchObject({ state: "waiting", failures: 0 });
  expect(await keepsPart()).toBe(false);
});

test("refused: no fault of the job, which waits again with what was done; the worker ends", async () => {
  const giveUp = giveUpFor();
  expect((await foldErrorOf(() => settle(giveUp, errorOf("refused")))).code).toBe("refused");
  expect(await job()).toMatchObject({ state: "waiting", failures: 0 });
  expect(await keepsPart()).toBe(true);
});

test("any other error counts, and the third puts the job aside", async () => {
  const giveUp = giveUpFor();
  const became: string[] = [];
  for (const error of [errorOf("failed"), new Error("a mistake"), "thrown"]) {
    became.push(await settle(giveUp, error));
    if ((await job()).state === "waiting") await next();
  }
  expect(became).toEqual(["failed", "failed", "put aside"]);
  const told = worker.events.map((event) => (event.kind === "failed" ? [event.error.message, event.isPutAside] : []));
  expect(told).toEqual([
    ["it went wrong", false],
    ["a mistake", false],
    ["thrown", true],
  ]);
  expect(await job()).toMatchObject({ state: "failed", failure: { code: "failed", message: "thrown" } });
});

test.each(["not_utf8", "empty", "too_long", "usage"] as const)(
  "%s would come again: the job is put aside at once",
  async (code) => {
    expect(await settle(giveUpFor(), errorOf(code))).toBe("put aside");
    expect(await job()).toMatchObject({
      state: "failed",
      failure: { code, message: "it went wrong", hint: "mend it" },
    });
  },
);

test("whatever the error was, a job that is another's is lost, and nothing is done to it", async () => {
  for (const code of ["failed", "interrupted", "no_space", "unreachable", "refused"] as const) {
    const giveUp = giveUpFor();
    await storage.cancelJob(attempt.id);
    const writes = [spyOn(storage, "abandonJob"), spyOn(storage, "failJob")];
    expect(await settle(giveUp, errorOf(code))).toBe("lost");
    expect(writes.map(({ mock }) => mock.calls.length)).toEqual([0, 0]);
    for (const spy of writes) spy.mockRestore();
    expect(kindsOf(worker.events)).toEqual(["lost"]);
    expect(await job()).toMatchObject({ state: "failed", failure: { code: "cancelled" } });
    await storage.retryJob(attempt.id);
    await next();
  }
});

test.each(forOne)("a lost job: %j has nothing else to do", async (changes) => {
  const giveUp = giveUpFor(changes);
  await storage.cancelJob(attempt.id);
  expect((await foldErrorOf(() => settle(giveUp, errorOf("failed")))).code).toBe("lease_lost");
  expect(kindsOf(worker.events)).toEqual(["lost"]);
});

/** The heartbeat that asks whose the job is fails so many times. */
function failHeartbeats(error: FoldError, times = Infinity): void {
  const { heartbeat } = storage;
  let left = times;
  const beats = spyOn(storage, "heartbeat").mockImplementation((...args) => {
    if (left-- > 0) throw error;
    return heartbeat.apply(storage, args);
  });
  spies.push(beats);
}

test("a heartbeat that fails for another reason makes a job another's only after a long silence", async () => {
  failHeartbeats(errorOf("no_space"));
  expect(await settle(giveUpFor(), errorOf("failed"))).toBe("failed");
  await next();
  expect(await settle(giveUpFor(), errorOf("failed"), true)).toBe("lost");
  expect(await job()).toMatchObject({ state: "running" });
});

test("after a long silence a heartbeat that arrives says that the job is still its own", async () => {
  expect(await settle(giveUpFor(), errorOf("interrupted"), true)).toBe("returned");
});

test("where nobody can be asked whose the job is, the worker ends with that error, and touches nothing", async () => {
  failHeartbeats(errorOf("unreachable"));
  expect((await foldErrorOf(() => settle(giveUpFor(), errorOf("failed")))).code).toBe("unreachable");
  expect(await job()).toMatchObject({ state: "running" });
});
