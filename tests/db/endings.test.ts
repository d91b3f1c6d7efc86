// How jobs end: completed, failed, put aside, cancelled; and how they begin again.
import { expect, test } from "bun:test";
import { abandonJob } from "../../src/db/abandon-job.ts";
import { cancelJob } from "../../src/db/cancel-job.ts";
import { claimMerge } from "../../src/db/claim-merge.ts";
import { completeJob } from "../../src/db/complete-job.ts";
import { deleteArchive } from "../../src/db/delete-archive.ts";
import { failJob } from "../../src/db/fail-job.ts";
import { heartbeat } from "../../src/db/heartbeat.ts";
import { getArchive, listArchives } from "../../src/db/list-archives.ts";
import { getJob, listJobs } from "../../src/db/list-jobs.ts";
import { listRuns } from "../../src/db/list-runs.ts";
import { liveKeys } from "../../src/db/live-keys.ts";
import { reclaimStale } from "../../src/db/reclaim-stale.ts";
import { retryJob } from "../../src/db/retry-job.ts";
import type { ClaimedJob } from "../../src/db/rows.ts";
import { submitJobs } from "../../src/db/submit-jobs.ts";
import { connect, newDatabase } from "../support/database.ts";
import { archiveOf, broken, claim, codeOf, failure, MAX_ATTEMPTS, newJob, publish, submit } from "./fixtures.ts";

const fresh = async (max = 4) => await connect(await newDatabase(), { max });

test("a completed job has left an archive, and a run that names it", async () => {
  const database = await fresh();
  await submit(database, "book");
  const job = await claim(database);
  const archive = archiveOf(job, 7_000_000_000);
  const { id, name, isNew } = await completeJob(database, job, archive);
  expect([name, isNew]).toEqual(["book", true]);
  expect(await listJobs(database)).toEqual([]);
  const entry = await getArchive(database, "book");
  expect(entry).toMatchObject({ ...archive, id, batch: null, family: null, reservedBy: null });
  expect(Math.abs(entry!.created_ms - Date.now())).toBeLessThan(60_000);
  expect([await getArchive(database, id), await listArchives(database)]).toEqual([entry, [entry!]]);
  expect(await getJob(database, job.jobId)).toMatchObject({ status: "completed", failure: null, workerId: null });
  expect(await listRuns(database, job.jobId)).toMatchObject([
    { outcome: "completed", resultArchiveId: id, orthosProcessed: 5, workerId: "worker-1", attempt: 1 },
  ]);
});

test("many archives of one name at once get one number each", async () => {
  const database = await fresh(12);
  const jobs = Array.from({ length: 24 }, (_, i) => newJob("book", { dedupeKey: `text ${i}` }));
  await submit(database, ...jobs);
  const claimed = await Promise.all(jobs.map((_, i) => claim(database, `w${i}`)));
  const completed = await Promise.all(claimed.map((job) => completeJob(database, job, archiveOf(job))));
  const expected = ["book", ...Array.from({ length: 23 }, (_, i) => `book.${i + 2}`)];
  expect(new Set(completed.map(({ name }) => name))).toEqual(new Set(expected));
  await deleteArchive(database, completed.find(({ name }) => name === "book.7")!.id);
  expect((await publish(database, "book", 1, { dedupeKey: "one more" })).name).toBe("book.7");
  expect((await publish(database, "book.x", 1)).name).toBe("book.x");
});

test("of the very same archive one is kept, but not across batches", async () => {
  const database = await fresh();
  const batch = crypto.randomUUID();
  await submit(database, "a", newJob("a", { dedupeKey: "again" }), newJob("a", { dedupeKey: "in a batch", batch }));
  const jobs = [await claim(database), await claim(database), await claim(database)];
  const tarSha256 = "0".repeat(64);
  const made: Awaited<ReturnType<typeof completeJob>>[] = [];
  for (const job of jobs) made.push(await completeJob(database, job, { ...archiveOf(job), tarSha256 }));
  expect(made.map(({ name, isNew }) => [name, isNew])).toEqual([
    ["a", true],
    ["a", false],
    ["a.2", true],
  ]);
  expect(made[1].id).toBe(made[0].id);
  expect(await broken(database)).toEqual([]);
});

test("a job fails three times, crashes included; then it is put aside with the last reason", async () => {
  const database = await fresh();
  const [id] = await submit(database, "book");
  const first = await claim(database);
  await heartbeat(database, first, { share: 0.1, orthos: 3 });
  expect(await failJob(database, first, { ...failure, message: "first" }, false, MAX_ATTEMPTS)).toBe(false);
  expect(await getJob(database, id)).toMatchObject({ status: "pending", retryCount: 1, failure: { message: "first" } });
  await claim(database);
  expect(await reclaimStale(database, -1_000, MAX_ATTEMPTS)).toBe(1);
  expect(await failJob(database, await claim(database), failure, false, MAX_ATTEMPTS)).toBe(true);
  expect(await getJob(database, id)).toMatchObject({ status: "failed", retryCount: 3, failure });
  expect((await listRuns(database, id)).map(({ outcome, orthosProcessed }) => [outcome, orthosProcessed])).toEqual([
    ["put_aside", null],
    ["lost", null],
    ["failed", 3],
  ]);
  await retryJob(database, id);
  expect(await getJob(database, id)).toMatchObject({ status: "pending", retryCount: 0, failure: null });
  expect((await claim(database)).attempt).toBe(4);
});

test("a job whose workers are lost three times is put aside", async () => {
  const database = await fresh();
  const [id] = await submit(database, "book");
  for (let i = 0; i < MAX_ATTEMPTS; i++) {
    await claim(database);
    expect(await reclaimStale(database, -1_000, MAX_ATTEMPTS)).toBe(1);
  }
  expect(await getJob(database, id)).toMatchObject({
    status: "failed",
    failure: { code: "lost", message: "its worker was lost: failure 3 of 3" },
  });
  expect(await broken(database)).toEqual([]);
});

test("a waiting and a running job can be cancelled and retried; any other is not found", async () => {
  const database = await fresh();
  const [waiting, running] = await submit(database, "waiting", "running");
  await claim(database, "w", running);
  for (const id of [waiting, running]) await cancelJob(database, id);
  for (const id of [waiting, running]) {
    expect(await getJob(database, id)).toMatchObject({
      status: "failed",
      retryCount: 0,
      failure: { code: "cancelled" },
    });
    expect(await codeOf(cancelJob(database, id))).toBe("not_found");
    expect(await retryJob(database, id)).toBe(true);
    expect(await codeOf(retryJob(database, id))).toBe("not_found");
  }
  expect((await listRuns(database, waiting)).map(({ outcome }) => outcome)).toEqual(["retried", "cancelled"]);
  expect((await listRuns(database, running)).map(({ workerId }) => workerId)).toEqual([null, "w"]);
  for (const id of ["no id", crypto.randomUUID()]) {
    expect(await codeOf(cancelJob(database, id))).toBe("not_found");
    expect(await codeOf(retryJob(database, id))).toBe("not_found");
  }
  expect(await broken(database)).toEqual([]);
});

test("a job that nobody has and that says it is processed, as no statement leaves it, is told and not asked for ever", async () => {
  const database = await fresh();
  const [id] = await submit(database, "book");
  await claim(database);
  await database.ask((sql) => sql`delete from job_locks`);
  const error = await cancelJob(database, id).catch((error: unknown) => error);
  expect(error).toMatchObject({ code: "failed", message: `job ${id} is neither waiting nor anybody's` });
});

test("however an attempt ends, its job says when it was last heard of", async () => {
  const database = await fresh();
  const heardOf = async (id: string) => {
    const [row] = await database.ask(
      (sql) => sql<{ started: Date; heard: Date }[]>`
        select started_at as started, heartbeat_at as heard from jobs where id = ${id}`,
    );
    return row.heard.getTime() - row.started.getTime();
  };
  const ends: Record<string, (job: ClaimedJob) => Promise<unknown>> = {
    "given back": (job) => abandonJob(database, job),
    failed: (job) => failJob(database, job, failure, false, MAX_ATTEMPTS),
    cancelled: (job) => cancelJob(database, job.jobId),
    lost: () => reclaimStale(database, -60_000, MAX_ATTEMPTS),
    completed: (job) => completeJob(database, job, archiveOf(job)),
  };
  for (const [how, end] of Object.entries(ends)) {
    const [id] = await submit(database, how);
    const job = await claim(database, "w", id);
    // Ten seconds of work, and a sign of life at their end.
    await database.ask((sql) => sql`update jobs set started_at = now() - interval '10 s', heartbeat_at = started_at`);
    await heartbeat(database, job, null);
    await end(job);
    expect([how, (await heardOf(id)) >= 10_000]).toEqual([how, true]);
  }
});

test("who cancels while others claim and give back ends the job all the same", async () => {
  const database = await fresh(12);
  for (let round = 0; round < 40; round++) {
    const [id] = await submit(database, `job ${round}`);
    const [, ...ends] = await Promise.all([
      cancelJob(database, id),
      ...Array.from({ length: 4 }, async (_, i) => await claim(database, `w${i}`, id).catch(() => null)),
    ]);
    expect(ends.filter((job) => job !== null).length).toBeLessThanOrEqual(1);
    expect((await getJob(database, id))?.status).toBe("failed");
    expect(await broken(database)).toEqual([]);
  }
});

test("a text whose archive was deleted may be submitted again, also when it went into a union", async () => {
  const database = await fresh();
  const { id } = await publish(database, "a", 1);
  expect((await submitJobs(database, [newJob("a")]))[0].isNew).toBe(false);
  expect(await deleteArchive(database, id)).toMatch(/^archives\//);
  expect([await codeOf(deleteArchive(database, id)), await codeOf(deleteArchive(database, "x"))]).toEqual([
    "not_found",
    "not_found",
  ]);
  expect(await getArchive(database, "a")).toBeNull();
  expect((await submitJobs(database, [newJob("a")]))[0].isNew).toBe(true);
  for (const name of ["b", "c", "d", "stays"]) await publish(database, name, 10);
  let union = "";
  for (let i = 0; i < 2; i++) {
    const job = (await claimMerge(database, { worker: "w", options: null, scope: "all" }))!;
    union = (await completeJob(database, job, archiveOf(job, 10 - i))).id;
  }
  expect((await getArchive(database, union))?.name).toBe("b + c + d");
  await deleteArchive(database, union);
  const again = await submitJobs(
    database,
    ["b", "c", "d", "stays"].map((name) => newJob(name)),
  );
  expect(again.map(({ isNew }) => isNew)).toEqual([true, true, true, false]);
});

test("what is needed, of what was found", async () => {
  const database = await fresh();
  const archiveKey = async (name: string) => (await getArchive(database, name))!.s3Key;
  const gone = await publish(database, "gone", 1);
  const goneKey = await archiveKey("gone");
  await publish(database, "there", 1);
  await deleteArchive(database, gone.id);
  const [waiting, failed] = await submit(database, "waiting", "failed");
  await failJob(database, await claim(database, "w", failed), failure, true, MAX_ATTEMPTS);
  const done = (await listJobs(database, { statuses: ["completed"] })).map(({ id }) => id);
  const candidates = {
    archiveKeys: [goneKey, await archiveKey("there"), "archives/unknown"],
    inputKeys: ["there", "gone", "waiting", "failed", "unknown"].map((name) => `inputs/${name}.txt`),
    jobIds: [waiting, failed, ...done, crypto.randomUUID(), "no id"],
  };
  const live = await database.ask((sql) => liveKeys(sql, candidates));
  expect([...live.archiveKeys]).toEqual([await archiveKey("there")]);
  expect([...live.inputKeys].sort()).toEqual(["inputs/failed.txt", "inputs/waiting.txt"]);
  expect(live.jobIds).toEqual(new Set([waiting, failed]));
  expect(live.underWay_ms).toBeNull();
  const nothing = { archiveKeys: [], inputKeys: [], jobIds: [] };
  await claim(database, "w", waiting);
  const none = await database.ask((sql) => liveKeys(sql, nothing));
  expect(none).toMatchObject({ jobIds: new Set(), underWay_ms: expect.any(Number) });
});
