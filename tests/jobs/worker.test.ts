// The loop of a worker on a state directory: what it tells, what it counts, and what an error in the storage comes to.
import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { FoldError, type FoldErrorCode } from "../../src/errors.ts";
import { Heart } from "../../src/jobs/heart.ts";
import { WalkThreads } from "../../src/jobs/walk-threads.ts";
import { work } from "../../src/jobs/worker.ts";
import { interceptChanges } from "../../src/storage/local/files.ts";
import { LocalStorage } from "../../src/storage/local/local-storage.ts";
import type { Attempt } from "../../src/storage/port.ts";
import { LocalPlace } from "../storage/local-place.ts";
import { claim, finish, GRACE_MS, idOf, usualOptions, wanted } from "../storage/place.ts";
import { foldErrorOf } from "../support/folds.ts";
import { sampleText } from "../support/sample.ts";
import { type QuickTime, quickTime } from "./quick-time.ts";
import { failBeats, kindsOf, workerOn } from "./workers.ts";

const { claimNextJob: claimOf } = LocalStorage.prototype;
const tale = "the old man sat. the young man ran. old men sat.";

let place: LocalPlace;
let time: QuickTime;
const spies: { mockRestore(): void }[] = [];

beforeEach(() => {
  place = new LocalPlace();
  time = quickTime();
});

afterEach(async () => {
  time.restore();
  for (const spy of spies.splice(0)) spy.mockRestore();
  await place.remove();
});

type Call = "claimNextJob" | "reclaimStale" | "readText" | "writeArchive" | "completeJob" | "listJobs";

/** Before each call of a kind something else happens, told which call it is, from 1; what it throws is the call's. */
function before(call: Call, act: (number: number) => unknown): () => number {
  const itself = LocalStorage.prototype[call] as (...args: unknown[]) => unknown;
  let calls = 0;
  const spy = spyOn(LocalStorage.prototype, call).mockImplementation(async function (
    this: LocalStorage,
    ...args: unknown[]
  ) {
    await act(++calls);
    return (await itself.apply(this, args)) as never;
  });
  spies.push(spy);
  return () => calls;
}

function fail(code: FoldErrorCode): never {
  throw new FoldError(code, "it went wrong", "mend it");
}

test("one job that was asked for by its id: it is done, and nothing else is looked for", async () => {
  await place.putText("book", tale);
  await place.putText("other", tale);
  const claims = before("claimNextJob", () => {});
  const { request, events } = workerOn(place, { jobId: await idOf(place.open(), "other") });
  expect(await work(request)).toMatchObject({ done: 1, failed: 0, lost: 0, tooLarge: [], unmerged: 0 });
  expect(claims()).toBe(1);
  expect(events.at(-1)).toMatchObject({ kind: "done", attempt: { name: "other" } });
});

test("after a job it looks again whether others are at work, whatever it saw before", async () => {
  const other = place.open();
  let attempt: Attempt | null = null;
  // Nobody is at work at the first look; then there is a text for each of two workers.
  before("claimNextJob", async (number) => {
    if (number !== 2) return;
    await place.putText("book", tale);
    await place.putText("other", tale);
    const [job] = (await other.listJobs()).filter(({ name }) => name === "other");
    attempt = await claimOf.call(other, wanted({ id: job.id }));
  });
  const { request, events } = workerOn(place);
  time.onWait = async () => {
    if (attempt === null || kindsOf(events).at(-1) !== "waiting") return;
    await finish(other, attempt);
    attempt = null;
  };
  expect(await work(request)).toMatchObject({ done: 1 });
  expect(kindsOf(events)).toEqual(["claimed", "done", "waiting"]);
});

test("whom it waits for is told whenever they become more or fewer, and anew after a job of its own", async () => {
  const other = place.open();
  for (const name of ["a", "b", "c"]) await place.putText(name, tale);
  const attempts = [await claim(other), await claim(other), await claim(other)];
  const { request, events } = workerOn(place);
  let looks = 0;
  before("listJobs", async () => {
    looks++;
    if (looks === 3) await finish(other, attempts[0]);
    if (looks === 5) await place.putText("own", tale);
    if (looks === 8) for (const attempt of attempts.slice(1)) await finish(other, attempt);
  });
  await work(request);
  const told = events.map((event) => (event.kind === "waiting" ? `waiting ${event.running.length}` : event.kind));
  const expected = ["waiting 3", "waiting 2", "claimed", "done", "waiting 2"];
  expect(told.filter((kind) => kind !== "walking" && kind !== "planned")).toEqual(expected);
});

test("jobs of lost workers that cannot be freed keep it from nothing; a mistake of fold does", async () => {
  await place.putText("book", tale);
  before("reclaimStale", () => fail("corrupt"));
  const { request, events } = workerOn(place);
  expect(await work(request)).toMatchObject({ done: 1 });
  expect(events[0]).toMatchObject({ kind: "unfreed", error: { code: "corrupt" } });
  before("reclaimStale", () => {
    throw new TypeError("a mistake");
  });
  await expect(work(workerOn(place).request)).rejects.toThrow("a mistake");
});

test("a connection that breaks while lost jobs are looked for is no outage, nor the end of who has just begun", async () => {
  await place.putText("book", tale);
  const looks = before("reclaimStale", () => fail("unreachable"));
  const { request, events } = workerOn(place);
  expect(await work(request)).toMatchObject({ done: 1 });
  expect(kindsOf(events)).toEqual(["claimed", "done"]);
  expect(looks()).toBe(1);
});

test.each(["writeArchive", "completeJob"] as const)("%s waits for a storage that is away", async (call) => {
  await place.putText("book", tale);
  const calls = before(call, (number) => number < 3 && fail("unreachable"));
  const { request, events } = workerOn(place);
  expect(await work(request)).toMatchObject({ done: 1, failed: 0 });
  expect(calls()).toBe(3);
  expect(kindsOf(events)).toEqual(["claimed", "away", "back", "done"]);
});

const secondsOf = (waits: readonly number[]) => waits.reduce((sum, wait) => sum + wait, 0) / 1_000;

/** The folder that an archive goes to cannot be made: the first thing that a job does when it is nobody's any more. */
async function failToPublish(name: string, code: string): Promise<void> {
  await place.putText(name, tale);
  const restore = interceptChanges((change) => {
    if (change.startsWith("create") && change.includes("archives/sub")) throw Object.assign(new Error("no"), { code });
  });
  spies.push({ mockRestore: restore });
}

/** A grace period later, on a disk that is well again. */
async function archivesAfterRecovery(): Promise<unknown> {
  spies.pop()?.mockRestore();
  place.pass(GRACE_MS + 1_000);
  const storage = place.open();
  expect(await storage.reclaimStale()).toBe(1);
  expect([await storage.listJobs(), await place.leftovers()]).toEqual([[], []]);
  return (await storage.listArchives()).map(({ name }) => name);
}

test("no space to publish a whole archive: the worker ends with that error, and the job is over", async () => {
  await failToPublish("sub/book", "ENOSPC");
  const { request, events } = workerOn(place);
  const { code, message, hint } = await foldErrorOf(() => work(request));
  expect(code).toBe("no_space");
  expect(message).toMatch(
    /^the archive of sub\/book is whole \(\d+ bytes\), .*archives\/sub: no space left on the device$/,
  );
  expect(hint).toMatch(/^nothing is lost.*free some space/);
  expect(kindsOf(events)).toEqual(["claimed", "unpublished"]);
  expect(await archivesAfterRecovery()).toEqual(["sub/book"]);
});

test("a whole archive that cannot be published keeps the worker from no other job, and is neither lost nor failed", async () => {
  await failToPublish("sub/book", "EIO");
  await place.putText("well", tale);
  const { request, events, stop } = workerOn(place, { stays: true });
  time.onWait = () => events.at(-1)?.kind === "waiting" && stop();
  expect(await work(request)).toMatchObject({ done: 1, failed: 0, lost: 0 });
  expect(events.find(({ kind }) => kind === "unpublished")).toMatchObject({ error: { code: "failed" } });
  expect(await archivesAfterRecovery()).toEqual(["sub/book", "well"]);
});

test("one job that was asked for and cannot be published: the worker ends with the error", async () => {
  await failToPublish("sub/book", "EIO");
  const { request } = workerOn(place, { isOneShot: true });
  expect((await foldErrorOf(() => work(request))).message).toContain("the archive of sub/book is whole");
  expect(await archivesAfterRecovery()).toEqual(["sub/book"]);
});

test("a worker waits for an hour, and then ends with the error", async () => {
  before("claimNextJob", (number) => number > 1 && fail("unreachable"));
  expect((await foldErrorOf(() => work(workerOn(place).request))).code).toBe("unreachable");
  expect(secondsOf(time.waits)).toBeGreaterThanOrEqual(3_600);
  expect(secondsOf(time.waits)).toBeLessThan(3_660);
});

test("one that stays waits for as long as it takes", async () => {
  before("claimNextJob", (number) => number > 1 && number < 400 && fail("unreachable"));
  const { request, events, stop } = workerOn(place, { stays: true });
  time.onWait = () => events.some(({ kind }) => kind === "back") && stop();
  await work(request);
  expect(kindsOf(events)).toEqual(["away", "back"]);
  expect(secondsOf(time.waits)).toBeGreaterThan(3 * 3_600);
});

test("a job that is done ends the rests that outages made longer", async () => {
  for (const name of ["a", "b"]) await place.putText(name, tale);
  const { request, events } = workerOn(place);
  const isDone = () => events.some(({ kind }) => kind === "done");
  // Twice, then the first job is done, then again.
  before("readText", async (number) => {
    while (number === 4 && !isDone()) await Bun.sleep(1);
    if ([1, 2, 4].includes(number)) fail("unreachable");
  });
  expect(await work(request)).toMatchObject({ done: 2, failed: 0 });
  expect(
    kindsOf(events)
      .filter((kind) => kind === "done" || kind === "resting")
      .join(" "),
  ).toBe("resting resting done resting done");
  // Threads of a walk wait for each other, too.
  expect(time.waits.filter((wait) => wait >= 1_000)).toEqual([1_000, 2_000, 1_000]);
});

test("what was put aside and what was lost is counted, what is tried again is not", async () => {
  for (const name of ["aside", "cancelled", "twice"]) await place.putText(name, tale);
  const other = place.open();
  const tries = new Map<string, number>();
  const itself = LocalStorage.prototype.readText;
  const reads = spyOn(LocalStorage.prototype, "readText").mockImplementation(function (this: LocalStorage, attempt) {
    const { name, id } = attempt;
    tries.set(name, (tries.get(name) ?? 0) + 1);
    if (name === "aside") throw new Error("always");
    if (name === "twice" && tries.get(name) !== 3) throw new Error("twice");
    if (name === "cancelled") void other.cancelJob(id);
    return itself.call(this, attempt);
  });
  spies.push(reads);
  expect(await work(workerOn(place).request)).toMatchObject({ done: 1, failed: 1, lost: 1 });
  expect(Object.fromEntries(tries)).toEqual({ aside: 3, cancelled: 1, twice: 3 });
});

test("what waits and is too large is told, once, and is left; what was put aside is not", async () => {
  for (const name of ["aside", "waits"]) await place.putText(name, tale);
  const other = place.open();
  const [aside, waits] = [await idOf(other, "aside"), await idOf(other, "waits")];
  await other.cancelJob(aside);
  const { request, events, stop } = workerOn(place, { stays: true, budget_bytes: 139e6 });
  time.onWait = (count) => count === 5 && stop();
  const { tooLarge } = await work(request);
  expect(tooLarge.map(({ id }) => id)).toEqual([waits]);
  expect(events).toMatchObject([{ kind: "left", job: { id: waits }, budget_bytes: 139e6 }]);
  const [left] = events;
  expect(left.kind === "left" && left.need_bytes).toBeGreaterThan(140e6);
});

test("one job that was asked for and is too large: the error says so", async () => {
  for (const name of ["aside", "waits"]) await place.putText(name, tale);
  const other = place.open();
  const jobs = [await idOf(other, "waits"), await idOf(other, "aside")];
  await other.cancelJob(jobs[1]);
  const errors = jobs.map((jobId) => foldErrorOf(() => work(workerOn(place, { jobId, budget_bytes: 139e6 }).request)));
  const [waits, aside] = await Promise.all(errors);
  expect(waits).toMatchObject({ code: "not_found", hint: "give --memory 141MB or more" });
  expect(waits.message).toContain("is too large");
  expect(aside.message).toContain("is failed");
});

test("a name in the place of an id: the error tells the id", async () => {
  await place.putText("waits", tale);
  const id = await idOf(place.open(), "waits");
  const { code, message, hint } = await foldErrorOf(() => work(workerOn(place, { jobId: "waits" }).request));
  expect([code, message, hint]).toEqual(["not_found", "waits is the name of a job, not its id", `give --job-id ${id}`]);
});

test("how far one job was is not told of the next", async () => {
  await place.putText("a", sampleText);
  await place.putText("b", tale);
  before("readText", (number) => number === 2 && fail("no_space"));
  const { request, events } = workerOn(place);
  const { message } = await foldErrorOf(() => work(request));
  const toldOf = (name: string) => kindsOf(events.filter((event) => "attempt" in event && event.attempt.name === name));
  expect([toldOf("a"), toldOf("b")]).toEqual([
    ["claimed", "done"],
    ["claimed", "returned"],
  ]);
  expect(message).toMatch(/^b: it went wrong after \d+ kB$/);
});

/** The sample in as many dimensions as there are: nobody has seen the end of that. */
const endless = { options: { ...usualOptions, max_dims: null }, heartbeat_ms: 20 };

test("a job that is taken away while it is walked is stopped, and lost", async () => {
  await place.putText("book", sampleText);
  const other = place.open();
  const written = before("writeArchive", () => {});
  let isCancelled = false;
  const { request, events } = workerOn(place, {
    ...endless,
    onEvent: (event) => {
      if (event.kind !== "walking" || isCancelled) return;
      isCancelled = true;
      void other.cancelJob(event.attempt.id);
    },
  });
  expect(await work(request)).toMatchObject({ done: 0, failed: 0, lost: 1 });
  expect(kindsOf(events)).toEqual(["claimed", "lost"]);
  expect(written()).toBe(0);
});

test("a walk is stopped when its heartbeats have not arrived for most of the grace period", async () => {
  await place.putText("book", sampleText);
  const { storage } = workerOn(place).request;
  let isSilent = false;
  const { request, events } = workerOn(place, {
    ...endless,
    storage: { ...storage, grace_ms: 2_000 },
    isOneShot: true,
    onEvent: (event) => {
      if (event.kind !== "walking" || isSilent) return;
      isSilent = true;
      failBeats(event.attempt);
    },
  });
  expect((await foldErrorOf(() => work(request))).code).toBe("lease_lost");
  const kinds = kindsOf(events);
  expect([kinds[0], kinds[1], kinds.at(-1)]).toEqual(["claimed", "missed", "lost"]);
});

test("a worker that is stopped while it walks gives the job back; before that, others see how far it is", async () => {
  await place.putText("book", sampleText);
  const other = place.open();
  const worker = workerOn(place, endless);
  const ended = work(worker.request);
  const orthos = async () => (await other.listJobs()).map(({ progress }) => progress?.orthos ?? 0)[0];
  while ((await orthos()) === 0) await Bun.sleep(20);
  worker.stop();
  expect(await ended).toMatchObject({ done: 0, failed: 0, lost: 0 });
  expect(kindsOf(worker.events)).toEqual(["claimed", "returned"]);
  expect(await other.listJobs()).toMatchObject([{ state: "waiting", failures: 0 }]);
});

test("threads of the walk serve all jobs, and end with the worker; so do its timers", async () => {
  for (const name of ["a", "b", "c"]) await place.putText(name, tale);
  const used = new Set<WalkThreads>();
  const { run, close } = WalkThreads.prototype;
  const closed: WalkThreads[] = [];
  spies.push(
    spyOn(WalkThreads.prototype, "run").mockImplementation(function (this: WalkThreads, ...args) {
      used.add(this);
      return run.apply(this, args);
    }),
    spyOn(WalkThreads.prototype, "close").mockImplementation(function (this: WalkThreads) {
      closed.push(this);
      close.call(this);
    }),
  );
  const begun = spyOn(globalThis, "setInterval");
  const ended = spyOn(globalThis, "clearInterval");
  const rests = spyOn(Heart.prototype, "rest");
  spies.push(begun, ended, rests);
  // Of three dimensions nobody knows that a walk is short.
  await work(workerOn(place, { options: { max_dims: 3, min_volume: 1, shard: null } }).request);
  expect([used.size, closed]).toEqual([1, [...used]]);
  const timers = begun.mock.results.map(({ value }) => value);
  // One for each job, and one for all of the time.
  expect(timers).toHaveLength(4);
  expect(rests).toHaveBeenCalledTimes(3);
  expect(new Set(ended.mock.calls.map(([timer]) => timer as unknown))).toEqual(new Set(timers));
});
