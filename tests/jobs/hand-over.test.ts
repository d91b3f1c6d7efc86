// While an archive is handed over, the worker goes on with the next job.
import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FoldError, type FoldErrorCode } from "../../src/errors.ts";
import { HandOver } from "../../src/jobs/hand-over.ts";
import { work } from "../../src/jobs/worker.ts";
import { LocalStorage } from "../../src/storage/local/local-storage.ts";
import { LocalPlace } from "../storage/local-place.ts";
import { textsIn, usualOptions } from "../storage/place.ts";
import { foldErrorOf } from "../support/folds.ts";
import { sampleText } from "../support/sample.ts";
import { kindsOf, type TestWorker, workerOn } from "./workers.ts";

const tale = "the old man sat. the young man ran. old men sat.";
const { writeArchive } = LocalStorage.prototype;
const spies: { mockRestore(): void }[] = [];
let place: LocalPlace;

beforeEach(async () => {
  place = new LocalPlace(undefined, Number.POSITIVE_INFINITY);
  for (const name of ["a", "b", "c"]) await place.putText(name, `${name} ${tale}`);
});
afterEach(async () => {
  for (const spy of spies.splice(0)) spy.mockRestore();
  await place.remove();
});

/** Before an archive is handed over something else happens; what it throws comes of it. */
function beforeWriting(act: (name: string) => unknown): void {
  const spy = spyOn(LocalStorage.prototype, "writeArchive").mockImplementation(async function (
    this: LocalStorage,
    attempt,
    file,
  ) {
    await act(attempt.name);
    await writeArchive.call(this, attempt, file);
  });
  spies.push(spy);
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await Bun.sleep(1);
}

/** What was told of the jobs of these names, in order. */
function toldOf({ events }: TestWorker, ...names: string[]): string[] {
  return events.flatMap((event) => {
    const isWanted = "attempt" in event && names.includes(event.attempt.name);
    return isWanted ? kindsOf([event]).map((kind) => `${kind} ${event.attempt.name}`) : [];
  });
}

test("the next job is claimed and walked meanwhile, and handed over when the one before is done", async () => {
  const worker = workerOn(place);
  const isWalked = (name: string) =>
    worker.events.some((event) => event.kind === "walking" && event.attempt.name === name);
  const handedOver: string[] = [];
  beforeWriting(async (name) => {
    // For ever, if it were not walked before this ends.
    if (name === "a") await until(() => isWalked("b"));
    handedOver.push(name);
  });
  expect(await work(worker.request)).toMatchObject({ done: 3, failed: 0, lost: 0 });
  expect(toldOf(worker, "a", "b")).toEqual(["claimed a", "claimed b", "done a", "done b"]);
  expect(handedOver).toEqual(["a", "b", "c"]);
});

test.each(["no_space", "refused"] as FoldErrorCode[])(
  "%s ends the worker: both jobs wait again, and nothing more is claimed",
  async (code) => {
    const worker = workerOn(place);
    beforeWriting(async () => {
      await until(() => toldOf(worker, "b").length > 0);
      throw new FoldError(code, "it went wrong", "mend it");
    });
    const error = await foldErrorOf(() => work(worker.request));
    expect([error.code, error.message]).toEqual([code, expect.stringContaining("it went wrong")]);
    expect([toldOf(worker, "a"), toldOf(worker, "b"), toldOf(worker, "c")]).toEqual([
      ["claimed a", "returned a"],
      ["claimed b", "returned b"],
      [],
    ]);
    const jobs = await place.open().listJobs();
    expect(jobs.map(({ name, state, failures }) => [name, state, failures]).sort()).toEqual([
      ["a", "waiting", 0],
      ["b", "waiting", 0],
      ["c", "waiting", 0],
    ]);
  },
);

test("a job that fails while it is handed over is tried again, and the others go on", async () => {
  let fails = 1;
  beforeWriting((name) => {
    if (name === "a" && fails-- > 0) throw new FoldError("failed", "it went wrong", "mend it");
  });
  const worker = workerOn(place);
  expect(await work(worker.request)).toMatchObject({ done: 3, failed: 0 });
  expect(toldOf(worker, "a")).toEqual(["claimed a", "failed a", "claimed a", "done a"]);
  expect(await textsIn(place.open())).toEqual(["a", "b", "c"]);
});

test("a job that is taken away while it is handed over is lost, and the others go on", async () => {
  const worker = workerOn(place);
  const other = place.open();
  beforeWriting(async (name) => {
    if (name !== "a") return;
    await until(() => toldOf(worker, "b").length > 0);
    const job = (await other.listJobs()).find((one) => one.name === "a");
    await other.cancelJob(job?.id ?? "");
  });
  expect(await work(worker.request)).toMatchObject({ done: 2, failed: 0, lost: 1 });
  expect(toldOf(worker, "a")).toEqual(["claimed a", "lost a"]);
});

test("who is stopped hands over what is finished, and gives the other back", async () => {
  // In all dimensions its walk never ends.
  await place.putText("b", sampleText);
  const worker = workerOn(place, {
    options: { ...usualOptions, max_dims: null },
    onEvent: (event) => event.kind === "claimed" && event.attempt.name === "b" && worker.stop(),
  });
  beforeWriting(async (name) => {
    if (name === "a") await until(() => toldOf(worker, "b").length > 0);
  });
  expect(await work(worker.request)).toMatchObject({ done: 1, failed: 0, lost: 0 });
  expect([toldOf(worker, "a"), toldOf(worker, "b")]).toEqual([
    ["claimed a", "done a"],
    ["claimed b", "returned b"],
  ]);
  expect((await place.open().listJobs()).map(({ name, state }) => `${name} ${state}`).sort()).toEqual([
    "b waiting",
    "c waiting",
  ]);
});

test.each([
  { budget_bytes: 200e6, isWalked: false },
  { budget_bytes: 1e9, isWalked: true },
])("with $budget_bytes bytes the next job is walked meanwhile: $isWalked", async ({ budget_bytes, isWalked }) => {
  const worker = workerOn(place, { budget_bytes });
  const seen: boolean[] = [];
  beforeWriting(async (name) => {
    if (name !== "a") return;
    await until(() => toldOf(worker, "b").length > 0);
    const begun_ms = performance.now();
    const isBeingWalked = () => worker.events.some((event) => event.kind === "walking" && event.attempt.name === "b");
    // Long enough for it, were it to begin.
    await until(() => isBeingWalked() || performance.now() - begun_ms > 1_000);
    seen.push(isBeingWalked());
  });
  expect(await work(worker.request)).toMatchObject({ done: 3 });
  expect(seen).toEqual([isWalked]);
});

test("what is merged next may be on its way", async () => {
  const worker = workerOn(place, { merges: true });
  beforeWriting(() => Bun.sleep(20));
  expect(await work(worker.request)).toMatchObject({ done: 5, failed: 0, unmerged: 0 });
  expect(await place.open().listArchives()).toHaveLength(1);
});

test("an archive that a power cut has left with holes is made again", async () => {
  const [job] = (await place.open().listJobs()).filter(({ name }) => name === "a");
  let whole: Buffer | null = null;
  beforeWriting((name) => {
    if (name !== "a" || whole !== null) return;
    const [path] = place.filesIn("in_process").filter((one) => one.endsWith("/archive.tar.zst"));
    const file = join(place.folder, path);
    whole = readFileSync(file);
    // Inside the sentences, which nobody reads to find out what the archive is.
    writeFileSync(file, Buffer.from(whole).fill(0, 120, 180));
    throw new FoldError("interrupted", "the power is gone", "wait");
  });
  expect(await work(workerOn(place, { jobId: job.id }).request)).toMatchObject({ done: 0 });
  expect(await work(workerOn(place, { jobId: job.id }).request)).toMatchObject({ done: 1 });
  const made = await place.open().openArchive("a", place.scratch);
  expect(readFileSync(made)).toEqual(whole ?? Buffer.alloc(0));
});

test("one at a time, and what fails is told to whoever asks", async () => {
  const told: string[] = [];
  const handOver = new HandOver(() => told.push("failed"));
  handOver.begin(async () => {
    await Bun.sleep(5);
    told.push("first");
  });
  expect(handOver.isUnderWay).toBe(true);
  await handOver.done();
  expect([handOver.isUnderWay, handOver.hasFailed]).toEqual([false, false]);
  handOver.check();
  handOver.begin(() => Promise.reject(new Error("planted")));
  await handOver.done();
  expect([handOver.isUnderWay, handOver.hasFailed, told]).toEqual([false, true, ["first", "failed"]]);
  expect(() => handOver.check()).toThrow("planted");
});
