// While an archive is handed over, the worker goes on with the next job.
import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ArchiveWriter } from "../../src/archive/writer.ts";
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
const { finish } = ArchiveWriter.prototype;
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

function hasWalked({ events }: TestWorker, name: string): boolean {
  return events.some((event) => event.kind === "walking" && event.attempt.name === name);
}

/** What was told of the jobs of these names, in order. */
function toldOf({ events }: TestWorker, ...names: string[]): string[] {
  return events.flatMap((event) => {
    const isWanted = "attempt" in event && names.includes(event.attempt.name);
    return isWanted ? kindsOf([event]).map((kind) => `${kind} ${event.attempt.name}`) : [];
  });
}

test("the next jobs are claimed, walked and handed over meanwhile", async () => {
  const worker = workerOn(place);
  beforeWriting(async (name) => {
    // For ever, if the others were not done before this ends.
    if (name === "a") await until(() => toldOf(worker, "b", "c").includes("done c"));
  });
  expect(await work(worker.request)).toMatchObject({ done: 3, failed: 0, lost: 0 });
  expect(toldOf(worker, "a", "b", "c")).toEqual([
    ...["claimed a", "claimed b", "claimed c"],
    ...["done b", "done c", "done a"],
  ]);
});

test("a large archive is handed over when the others are done", async () => {
  // A small text with a large archive takes long to fold; that its file is large is told by its size alone.
  const runs = spyOn(ArchiveWriter.prototype, "finish").mockImplementation(function (this: ArchiveWriter) {
    return { ...finish.call(this), bytes: 2e6 };
  });
  spies.push(runs);
  const worker = workerOn(place);
  const handedOver: string[] = [];
  beforeWriting(async (name) => {
    // Long enough for b to be handed over as well, were it to be.
    if (name === "a") await until(() => hasWalked(worker, "b")).then(() => Bun.sleep(100));
    handedOver.push(name);
    throw new FoldError("empty", "enough was seen", "");
  });
  expect(await work(worker.request)).toMatchObject({ done: 0, failed: 3 });
  expect(handedOver).toEqual(["a", "b", "c"]);
});

test("no more than sixteen at a time", async () => {
  const more = Array.from({ length: 40 }, (_, i) => `more-${i}`);
  for (const name of more) await place.putText(name, `${name} ${tale}`);
  const worker = workerOn(place);
  let underWay = 0;
  let most = 0;
  beforeWriting(async () => {
    most = Math.max(most, ++underWay);
    await until(() => most >= 16);
    // Long enough for one more to begin, were it to.
    await Bun.sleep(30);
    underWay--;
  });
  expect(await work(worker.request)).toMatchObject({ done: 43, failed: 0 });
  expect(most).toBe(16);
});

test.each(["no_space", "refused"] as FoldErrorCode[])(
  "%s ends the worker: what was claimed waits again",
  async (code) => {
    const worker = workerOn(place);
    beforeWriting(async () => {
      await until(() => toldOf(worker, "b").length > 0);
      throw new FoldError(code, "it went wrong", "mend it");
    });
    const error = await foldErrorOf(() => work(worker.request));
    expect([error.code, error.message]).toEqual([code, expect.stringContaining("it went wrong")]);
    expect(toldOf(worker, "a", "b", "c").filter((told) => told.startsWith("returned"))).toHaveLength(
      toldOf(worker, "a", "b", "c").filter((told) => told.startsWith("claimed")).length,
    );
    expect(worker.events.map(({ kind }) => kind)).not.toContain("done");
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
    const isBeingWalked = () => hasWalked(worker, "b");
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

test("eight are begun at once, fewer when somebody waits for them or a moment has passed", async () => {
  let begun = 0;
  const handOver = new HandOver(() => {});
  const begin = (count: number) => {
    for (let i = 0; i < count; i++) handOver.begin(async () => void begun++);
  };
  begin(7);
  await Promise.resolve();
  expect([begun, handOver.isUnderWay]).toEqual([0, true]);
  begin(1);
  expect(begun).toBe(8);
  await handOver.room(8);
  begin(2);
  expect(begun).toBe(8);
  await handOver.done();
  expect(begun).toBe(10);
  begin(1);
  await until(() => !handOver.isUnderWay);
  expect(begun).toBe(11);
});

test("room is when enough are over, and what fails first is told to whoever asks", async () => {
  const told: string[] = [];
  const handOver = new HandOver(() => told.push("failed"));
  const ends = ["first", "second"].map((name) => {
    const end = Promise.withResolvers<void>();
    handOver.begin(() => end.promise.then(() => void told.push(name)));
    return end;
  });
  await handOver.room(3);
  void handOver.room(2).then(() => told.push("room"));
  void handOver.done().then(() => told.push("done"));
  expect(handOver.isUnderWay).toBe(true);
  ends[1].resolve();
  await until(() => told.includes("room"));
  ends[0].resolve();
  await until(() => told.includes("done"));
  expect([handOver.isUnderWay, handOver.hasFailed]).toEqual([false, false]);
  expect(told).toEqual(["second", "room", "first", "done"]);
  handOver.check();
  handOver.begin(() => Promise.reject(new Error("planted")));
  handOver.begin(() => Promise.reject(new Error("another")));
  await handOver.done();
  expect([handOver.isUnderWay, handOver.hasFailed, told.slice(4)]).toEqual([false, true, ["failed", "failed"]]);
  expect(() => handOver.check()).toThrow("planted");
});
