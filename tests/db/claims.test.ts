// Claiming: each job goes to one, in order, as a new attempt.
import { expect, test } from "bun:test";
import { abandonJob } from "../../src/db/abandon-job.ts";
import { claimJob } from "../../src/db/claim-job.ts";
import { completeJob } from "../../src/db/complete-job.ts";
import { countJobs } from "../../src/db/count-jobs.ts";
import { heartbeat } from "../../src/db/heartbeat.ts";
import { getJob, listJobs } from "../../src/db/list-jobs.ts";
import { listRuns } from "../../src/db/list-runs.ts";
import { submitJobs } from "../../src/db/submit-jobs.ts";
import { connect, newDatabase } from "../support/database.ts";
import { archiveOf, broken, claim, newJob, submit, usual } from "./fixtures.ts";

const fresh = async () => await connect(await newDatabase());

test("nothing is in an empty database", async () => {
  const database = await fresh();
  expect(await claimJob(database, { worker: "w", scope: "all" })).toBeNull();
  expect(await claimJob(database, { worker: "w", scope: "all", id: crypto.randomUUID() })).toBeNull();
  expect(await claimJob(database, { worker: "w", scope: "all", id: "no id" })).toBeNull();
  expect(await listJobs(database)).toEqual([]);
  expect(await submitJobs(database, [])).toEqual([]);
  expect(await countJobs(database)).toEqual({ pending: 0, processing: 0, completed: 0, failed: 0 });
});

test("jobs are claimed in the order in which they came, also those of one submission", async () => {
  const database = await fresh();
  const names = ["d", "a", "c", "b"];
  const ids = await submit(database, ...names);
  const claimed = [await claim(database), await claim(database), await claim(database), await claim(database)];
  expect(claimed.map(({ name }) => name)).toEqual(names);
  expect(claimed.map(({ jobId }) => jobId)).toEqual(ids);
  expect(claimed[0]).toEqual({
    jobId: ids[0],
    workerId: "worker-1",
    attempt: 1,
    jobType: "txt_file",
    name: "d",
    options: usual,
    batch: null,
    size_bytes: 100,
    inputPath: "inputs/d.txt",
    archives: [],
  });
  expect(await claimJob(database, { worker: "w", scope: "all" })).toBeNull();
  expect(await broken(database)).toEqual([]);
});

test("the same job twice is one, in one call, in two and in many at once, also when it is done", async () => {
  const database = await fresh();
  const [first, again] = await submitJobs(database, [newJob("a"), newJob("a")]);
  expect([first.isNew, again]).toEqual([true, { ...first, isNew: false }]);
  const jobs = Array.from({ length: 50 }, (_, i) => newJob(`job ${i}`));
  const calls = await Promise.all(
    [jobs, jobs.toReversed(), jobs, jobs.toReversed()].map((all) => submitJobs(database, all)),
  );
  expect(calls.flat().filter(({ isNew }) => isNew).length).toBe(50);
  expect(new Set(calls.flat().map(({ id }) => id)).size).toBe(50);
  const job = await claim(database);
  await completeJob(database, job, archiveOf(job));
  expect(await submitJobs(database, [newJob("a"), newJob("b")])).toMatchObject([
    { id: job.jobId, isNew: false },
    { isNew: true },
  ]);
});

test("of 100 claimers each of 30 jobs has one", async () => {
  const database = await connect(await newDatabase(), { max: 20 });
  await submit(database, ...Array.from({ length: 30 }, (_, i) => `job ${i}`));
  const claims = await Promise.all(
    Array.from({ length: 100 }, (_, i) => claimJob(database, { worker: `worker-${i}`, scope: "all" })),
  );
  const claimed = claims.filter((job) => job !== null);
  expect([claimed.length, new Set(claimed.map(({ jobId }) => jobId)).size]).toEqual([30, 30]);
  expect(new Set(claimed.map(({ workerId }) => workerId)).size).toBe(30);
  expect(await broken(database)).toEqual([]);
});

test("by id, and what is too large is left to others", async () => {
  const database = await fresh();
  const [, second] = await submit(database, "first", "second", newJob("large", { size_bytes: 5_000_000_000 }));
  expect((await claim(database, "w", second)).name).toBe("second");
  expect(await claimJob(database, { worker: "w", scope: "all", id: second })).toBeNull();
  const most = { worker: "w", scope: "all" as const, most_bytes: { text: 4_999_999_999, merge: 0 } };
  expect((await claimJob(database, most))?.name).toBe("first");
  expect(await claimJob(database, most)).toBeNull();
  expect((await claimJob(database, { ...most, most_bytes: { text: Infinity, merge: 0 } }))?.size_bytes).toBe(
    5_000_000_000,
  );
});

test("an attempt has a number, a run, and progress while it lasts", async () => {
  const database = await fresh();
  const [id] = await submit(database, "job");
  const first = await claim(database);
  expect((await getJob(database, id))?.progress).toBeNull();
  await heartbeat(database, first, { share: 0.5, orthos: 12_345_678_901 });
  await heartbeat(database, first, null);
  expect(await listJobs(database)).toMatchObject([
    { id, status: "processing", workerId: "worker-1", attempt: 1, progress: { share: 0.5, orthos: 12_345_678_901 } },
  ]);
  await abandonJob(database, first);
  expect(await getJob(database, id)).toMatchObject({
    status: "pending",
    retryCount: 0,
    workerId: null,
    progress: null,
  });
  expect((await claim(database, "worker-2")).attempt).toBe(2);
  expect(
    (await listRuns(database, id)).map(({ workerId, outcome, orthosProcessed }) => [
      workerId,
      outcome,
      orthosProcessed,
    ]),
  ).toEqual([
    ["worker-2", null, null],
    ["worker-1", "abandoned", 12_345_678_901],
  ]);
  expect(await broken(database)).toEqual([]);
});

test("long lists come page by page", async () => {
  const database = await fresh();
  await submit(database, ...Array.from({ length: 25 }, (_, i) => `job ${String(i).padStart(2, "0")}`));
  const names: string[] = [];
  for (let after = 0; ; ) {
    const page = await listJobs(database, { after, limit: 10 });
    names.push(...page.map(({ name }) => name));
    if (page.length < 10) break;
    after = page.at(-1)!.position;
  }
  expect(names).toEqual(Array.from({ length: 25 }, (_, i) => `job ${String(i).padStart(2, "0")}`));
  expect(await listJobs(database, { statuses: ["completed", "failed"] })).toEqual([]);
});
