// What a worker that finds nothing to do asks, and when: its loop on a state directory, with time and chance in the
// hands of the test.
import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { FoldError } from "../../src/errors.ts";
import { work } from "../../src/jobs/worker.ts";
import { LocalStorage } from "../../src/storage/local/local-storage.ts";
import { LocalPlace } from "../storage/local-place.ts";
import { claim, finish, GRACE_MS } from "../storage/place.ts";
import { type QuickTime, quickTime } from "./quick-time.ts";
import { kindsOf, workerOn } from "./workers.ts";

let place: LocalPlace;
let time: QuickTime;
/** What happened: a claim, or a wait of so many ms. */
let log: (string | number)[];
/** How often claims find the storage away. */
let failures: number;
const spies: { mockRestore(): void }[] = [];

beforeEach(() => {
  place = new LocalPlace();
  log = [];
  failures = 0;
  time = quickTime((time_ms) => log.push(time_ms));
  const { claimNextJob } = LocalStorage.prototype;
  const claims = spyOn(LocalStorage.prototype, "claimNextJob").mockImplementation(function (
    this: LocalStorage,
    wanted,
  ) {
    log.push("claim");
    if (failures-- > 0) throw new FoldError("unreachable", "it is away", "wait");
    return claimNextJob.call(this, wanted);
  });
  spies.push(claims);
});

afterEach(async () => {
  time.restore();
  for (const spy of spies.splice(0)) spy.mockRestore();
  await place.remove();
});

/** One claim before each wait, and one at the end. */
function claimsAround(...waits: readonly number[]): (string | number)[] {
  return [...waits.flatMap((wait) => ["claim", wait]), "claim"];
}

test("a worker that stays asks once before each wait, and the waits double up to ten seconds", async () => {
  const { request, stop } = workerOn(place, { stays: true });
  time.onWait = (waits) => {
    if (waits === 11) stop();
  };
  await work(request);
  const waits = [50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000];
  expect(log).toEqual(claimsAround(...waits).slice(0, -1));
});

test("waits are drawn: two workers that ran out of work together do not ask together", async () => {
  const drawn = [0, 0.999, 0.25];
  time.draw = () => drawn.shift() ?? 0.5;
  const { request, stop } = workerOn(place, { stays: true });
  time.onWait = (waits) => {
    if (waits === 4) stop();
  };
  await work(request);
  expect(time.waits).toEqual([25, expect.closeTo(149.9), 150, 400]);
});

test("where others are at work it looks at least every second, and ends when they are through", async () => {
  await place.putText("book", "one two. two three.");
  const other = place.open();
  const attempt = await claim(other);
  log = [];
  time.onWait = async (waits) => {
    if (waits === 7) await finish(other, attempt);
  };
  const { request, events } = workerOn(place);
  expect(await work(request)).toMatchObject({ done: 0 });
  // Once more after nothing was running any more: a job that ends may leave what can be claimed.
  expect(log).toEqual([...claimsAround(50, 100, 200, 400, 800, 1_000, 1_000), "claim"]);
  expect(kindsOf(events)).toEqual(["waiting"]);
});

test("a worker that stays does not let the others' pace become its own for longer than they are at work", async () => {
  await place.putText("book", "one two. two three.");
  const other = place.open();
  const attempt = await claim(other);
  log = [];
  const { request, stop } = workerOn(place, { stays: true });
  time.onWait = async (waits) => {
    if (waits === 7) await finish(other, attempt);
    if (waits === 12) stop();
  };
  await work(request);
  expect(time.waits).toEqual([50, 100, 200, 400, 800, 1_000, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
});

test("after a job the waits begin anew", async () => {
  const { request, events, stop } = workerOn(place, { stays: true });
  const atJob: number[] = [];
  time.onWait = async () => {
    if (log.at(-1) === 1_600) await place.putText("book", "one two. two three.");
    if (log.at(-1) === 200 && atJob.length > 0) stop();
  };
  const { onEvent } = request;
  await work({
    ...request,
    onEvent: (event) => {
      onEvent(event);
      if (event.kind === "done") atJob.push(log.length);
    },
  });
  expect(kindsOf(events)).toEqual(["claimed", "done"]);
  expect(log.slice(0, 13)).toEqual(claimsAround(50, 100, 200, 400, 800, 1_600));
  expect(log.slice(atJob[0])).toEqual(claimsAround(50, 100, 200).slice(0, -1));
});

test("a worker for one job, or for a job of its own, does not wait at all", async () => {
  await work(workerOn(place, { isOneShot: true }).request);
  await expect(work(workerOn(place, { jobId: "book-1" }).request)).rejects.toMatchObject({ code: "not_found" });
  await expect(work(workerOn(place, { isOneShot: true, stays: true }).request)).resolves.toMatchObject({ done: 0 });
  expect(log).toEqual(["claim", "claim", "claim"]);
});

/** From now on it is logged, too, when jobs of lost workers are looked for; the first so many times nobody answers. */
function logFrees(unanswered = 0): void {
  const { reclaimStale } = LocalStorage.prototype;
  const frees = spyOn(LocalStorage.prototype, "reclaimStale").mockImplementation(function (this: LocalStorage) {
    log.push("free");
    if (unanswered-- > 0) throw new FoldError("unreachable", "it is away", "wait");
    return reclaimStale.call(this);
  });
  spies.push(frees);
}

test("a worker that was stopped gives those who were stopped with it time to say that they are alive", async () => {
  logFrees();
  const { request, stop } = workerOn(place, { stays: true });
  time.onWait = (waits) => {
    if (waits === 9) time.pass(GRACE_MS);
    if (waits === 27) stop();
  };
  await work(request);
  const before = claimsAround(50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, ...Array<number>(14).fill(10_000));
  expect(log.slice(0, before.length + 1)).toEqual(["free", ...before]);
  // 150 s after it went on.
  expect(log.slice(before.length + 1, before.length + 4)).toEqual([10_000, "free", "claim"]);
});

test("jobs of lost workers are freed ten times in a grace period; later where all were cut off, who need their time", async () => {
  logFrees();
  const { request, events, stop } = workerOn(place, { stays: true });
  time.onWait = (waits) => {
    if (waits === 2) failures = 8;
    if (waits === 40) stop();
  };
  await work(request);
  const away = [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000];
  const rest = Array<number>(13).fill(10_000);
  const before = claimsAround(50, 100, ...away, 200, 400, 800, 1_600, 3_200, 6_400, ...rest);
  expect(log.slice(0, before.length + 1)).toEqual(["free", ...before]);
  // 152.65 s after the storage was back, and 60 s after that.
  expect(log.slice(before.length + 1, before.length + 5)).toEqual([10_000, "free", "claim", 10_000]);
  expect(log.slice(before.length + 5).indexOf("free")).toBe(2 * 5);
  expect(kindsOf(events)).toEqual(["away", "back"]);
});

test("nor where only the look for them got no answer: then others may be cut off, too", async () => {
  logFrees(1);
  const { request, events, stop } = workerOn(place, { stays: true });
  time.onWait = (waits) => waits === 24 && stop();
  await work(request);
  const waits = log.slice(1, log.indexOf("free", 1)).filter((entry) => typeof entry === "number");
  expect(waits.reduce((sum, wait) => sum + wait, 0)).toBe(152_750);
  expect(kindsOf(events)).toEqual([]);
});
