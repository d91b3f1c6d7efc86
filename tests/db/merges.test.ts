// Which archives are merged with which, and that none is in two merges.
import { expect, spyOn, test } from "bun:test";
import { abandonJob } from "../../src/db/abandon-job.ts";
import { cancelJob } from "../../src/db/cancel-job.ts";
import { claimJob } from "../../src/db/claim-job.ts";
import { claimMerge, type MergeWanted } from "../../src/db/claim-merge.ts";
import { completeJob } from "../../src/db/complete-job.ts";
import type { Database } from "../../src/db/database.ts";
import { deleteArchive } from "../../src/db/delete-archive.ts";
import { failJob } from "../../src/db/fail-job.ts";
import { getArchive, listArchives } from "../../src/db/list-archives.ts";
import { getJob, listJobs } from "../../src/db/list-jobs.ts";
import { listRuns } from "../../src/db/list-runs.ts";
import { liveKeys } from "../../src/db/live-keys.ts";
import { markDamaged } from "../../src/db/mark-damaged.ts";
import { reclaimStale } from "../../src/db/reclaim-stale.ts";
import { retryJob } from "../../src/db/retry-job.ts";
import type { ClaimedJob, JobOptions } from "../../src/db/rows.ts";
import { connect, newDatabase } from "../support/database.ts";
import { archiveOf, broken, claim, codeOf, failure, MAX_ATTEMPTS, newJob, publish, submit, usual } from "./fixtures.ts";

const fresh = async (max = 4) => await connect(await newDatabase(), { max });
const all: MergeWanted = { worker: "w", options: null, scope: "all" };

async function merge(database: Database, wanted = all): Promise<ClaimedJob> {
  const job = await claimMerge(database, wanted);
  if (job === null) throw new Error("nothing to merge");
  return job;
}

const inputsOf = (job: ClaimedJob | null) => job?.archives.map(({ name }) => name);

async function names(database: Database): Promise<string[]> {
  return (await listArchives(database)).map(({ name }) => name);
}

test("the two smallest come first, and their union stands in their place", async () => {
  const database = await fresh();
  for (const [name, size] of Object.entries({ large: 90, small: 10, middle: 40 })) await publish(database, name, size);
  await submit(database, "waiting text");
  const job = await merge(database);
  expect(job).toMatchObject({
    attempt: 1,
    jobType: "archive_merge",
    name: "small + middle",
    size_bytes: 50,
    options: usual,
    batch: null,
  });
  expect(inputsOf(job)).toEqual(["small", "middle"]);
  expect(job.archives.map(({ reservedBy }) => reservedBy)).toEqual([job.jobId, job.jobId]);
  expect(job.inputPath).toBe(job.archives[0].s3Key);
  expect(await names(database)).toEqual(["large"]);
  expect((await listArchives(database, { withReserved: true })).length).toBe(3);
  expect(await claimMerge(database, all)).toBeNull();
  expect(await codeOf(deleteArchive(database, job.archives[0].id))).toBe("failed");
  await completeJob(database, job, archiveOf(job, 45));
  expect(await names(database)).toEqual(["large", "small + middle"]);
  expect(inputsOf(await merge(database))).toEqual(["small + middle", "large"]);
  expect(await broken(database)).toEqual([]);
});

test("of a join of as many shards as there may be: it fails, is lost and is cancelled like any other", async () => {
  const database = await fresh();
  const of = 1_000;
  const shards = Array.from({ length: of }, (_, i) => ({ ...usual, shard: { number: i + 1, of } }));
  const ids = await submit(database, ...shards.map((options) => newJob("book", { family: "book", options })));
  for (const id of ids) {
    const job = await claim(database, "w", id);
    await completeJob(database, job, { ...archiveOf(job), name: `book.shard-${job.options.shard?.number}-of-${of}` });
  }
  const join = await merge(database, { ...all, scope: "batches" });
  expect(join.archives.length).toBe(of);
  expect(await failJob(database, join, failure, true, MAX_ATTEMPTS)).toBe(true);
  expect(await claimMerge(database, all)).toBeNull();
  expect(await retryJob(database, join.jobId)).toBe(true);
  await claim(database, "w", join.jobId);
  expect(await reclaimStale(database, -1_000, 1)).toBe(1);
  expect(await retryJob(database, join.jobId)).toBe(true);
  await cancelJob(database, join.jobId);
  expect(await broken(database)).toEqual([]);
});

test("equal sizes go by name, in the order of the bytes", async () => {
  const database = await fresh();
  for (const name of ["b", "B", "a", "Z", "ä"]) await publish(database, name, 10);
  expect(inputsOf(await merge(database))).toEqual(["B", "Z"]);
  expect(inputsOf(await merge(database))).toEqual(["a", "b"]);
  expect(await names(database)).toEqual(["ä"]);
});

test("only archives of the same options are merged, and of those that a worker wants; shards are not", async () => {
  const database = await fresh();
  const others: JobOptions[] = [
    { ...usual, max_dims: 3 },
    { ...usual, max_dims: null },
    { ...usual, min_volume: 2 },
  ];
  for (const [i, options] of others.entries()) await publish(database, `other ${i}`, i + 1, { options });
  for (const number of [1, 2]) {
    const shard = { ...usual, shard: { number, of: 3 } };
    await publish(database, `shard ${number}`, number, { options: shard, family: "book" });
  }
  await publish(database, "usual", 50);
  expect(await claimMerge(database, all)).toBeNull();
  await publish(database, "other 4", 60, { options: others[1] });
  await publish(database, "usual 2", 70);
  expect(inputsOf(await claimMerge(database, { ...all, options: usual }))).toEqual(["usual", "usual 2"]);
  expect(await claimMerge(database, { ...all, options: others[0] })).toBeNull();
  expect(inputsOf(await claimMerge(database, { ...all, options: others[1] }))).toEqual(["other 1", "other 4"]);
});

test("damaged archives are not merged, and workers without work do not look twice because of them", async () => {
  const database = await fresh();
  const batch = crypto.randomUUID();
  const whole = await publish(database, "whole", 10, { batch });
  const shardOf = (number: number) => ({ options: { ...usual, shard: { number, of: 2 } }, family: "book" });
  const damaged = [
    await publish(database, "damaged", 20, { batch }),
    await publish(database, "shard 1", 5, shardOf(1)),
    await publish(database, "shard 2", 6, shardOf(2)),
  ];
  for (const { id } of damaged) await markDamaged(database, id);
  const statements = spyOn(database, "do");
  for (const scope of ["batches", "all"] as const) expect(await claimMerge(database, { ...all, scope })).toBeNull();
  expect(statements).toHaveBeenCalledTimes(2);
  const other = await publish(database, "other", 30, { batch });
  expect((await merge(database)).archives.map(({ id }) => id)).toEqual([whole.id, other.id]);
});

test("what is too large for a worker is left to others", async () => {
  const database = await fresh();
  for (const size of [10, 20, 70]) await publish(database, `a${size}`, size);
  expect(await claimMerge(database, { ...all, most_bytes: 29 })).toBeNull();
  const job = await merge(database, { ...all, most_bytes: 30 });
  await abandonJob(database, job);
  const most = { text: 0, merge: 29 };
  expect(await claimJob(database, { worker: "w", scope: "all", most_bytes: most })).toBeNull();
  expect(await claimJob(database, { worker: "w", scope: "batches" })).toBeNull();
  expect(await claimJob(database, { worker: "w", scope: "all", options: { ...usual, min_volume: 2 } })).toBeNull();
  const again = await claimJob(database, { worker: "w", scope: "all", options: usual });
  expect([again?.jobId, again?.attempt, again?.archives.length]).toEqual([job.jobId, 2, 2]);
  expect(inputsOf(again)).toEqual(inputsOf(job));
});

test("a batch becomes one archive, and stays apart where nothing else is asked for", async () => {
  const database = await fresh();
  const batches = [crypto.randomUUID(), crypto.randomUUID()];
  for (let i = 0; i < 6; i++) await publish(database, `text ${i}`, 10 + i, { batch: batches[i % 2] });
  for (const name of ["alone", "alone too"]) await publish(database, name, 1);
  const wanted: MergeWanted = { ...all, scope: "batches" };
  for (let job = await claimMerge(database, wanted); job !== null; job = await claimMerge(database, wanted)) {
    expect(new Set(job.archives.map(({ batch }) => batch))).toEqual(new Set([job.batch]));
    await completeJob(database, job, archiveOf(job, job.size_bytes));
  }
  const left = await listArchives(database);
  expect(left.map(({ batch }) => batch).sort()).toEqual([...batches, null, null].sort());
  expect(inputsOf(await merge(database))).toEqual(["alone", "alone too"]);
  const mixed = await merge(database);
  expect([mixed.archives.length, mixed.batch]).toEqual([2, null]);
});

test("a merge of a batch and a join that were given back are anybody's, other merges those who merge all", async () => {
  const database = await fresh();
  const again = async () => (await claimJob(database, { worker: "w", scope: "batches" }))?.jobId ?? null;
  const batch = crypto.randomUUID();
  for (const name of ["a", "b"]) await publish(database, name, 10, { batch });
  const merged = await merge(database, { ...all, scope: "batches" });
  await abandonJob(database, merged);
  expect(await again()).toBe(merged.jobId);
  for (const number of [1, 2]) {
    const options = { ...usual, shard: { number, of: 2 } };
    await publish(database, `shard ${number}`, 10, { options, family: "book" });
  }
  const joined = await merge(database, { ...all, scope: "batches" });
  await abandonJob(database, joined);
  expect(await again()).toBe(joined.jobId);
  for (const name of ["c", "d"]) await publish(database, name, 10);
  const other = await merge(database);
  await abandonJob(database, other);
  expect(await again()).toBeNull();
  expect((await claimJob(database, { worker: "w", scope: "all" }))?.jobId).toBe(other.jobId);
});

test("shards are joined when all are there, and never with others", async () => {
  const database = await fresh();
  const batch = crypto.randomUUID();
  const shard = (number: number, of: number, family: string) => ({
    options: { ...usual, shard: { number, of } },
    family,
    batch,
  });
  await publish(database, "whole", 1, { batch });
  await publish(database, "whole 2", 1);
  for (const number of [3, 1]) {
    await publish(database, `book.shard-${number}-of-3`, number, shard(number, 3, "book"));
    await publish(database, `other.shard-${number}-of-3`, number, shard(number, 3, "other"));
  }
  const wanted: MergeWanted = { ...all, scope: "batches" };
  expect(await claimMerge(database, wanted)).toBeNull();
  await publish(database, "book.shard-2-of-3", 2, shard(2, 3, "book"));
  expect(await claimMerge(database, { ...wanted, most_bytes: 2 })).toBeNull();
  const join = await merge(database, { ...wanted, most_bytes: 3 });
  expect(inputsOf(join)).toEqual([1, 2, 3].map((number) => `book.shard-${number}-of-3`));
  expect(join).toMatchObject({ name: "book", options: usual, batch, jobType: "archive_merge" });
  await completeJob(database, join, archiveOf(join, 20));
  expect(await getArchive(database, "book")).toMatchObject({ family: null, batch });
  expect(inputsOf(await merge(database, wanted))).toEqual(["whole", "book"]);
  expect(await claimMerge(database, wanted)).toBeNull();
  expect(await broken(database)).toEqual([]);
});

test("of many claimers at once none gets an archive that another has", async () => {
  const database = await fresh(16);
  for (let i = 0; i < 21; i++) await publish(database, `text ${i}`, 10 + i);
  const jobs = await Promise.all(Array.from({ length: 24 }, () => claimMerge(database, all)));
  const claimed = jobs.flatMap((job) => inputsOf(job) ?? []);
  expect([claimed.length, new Set(claimed).size]).toEqual([20, 20]);
  expect(await names(database)).toEqual(["text 20"]);
  expect(await broken(database)).toEqual([]);
});

test("a pair whose merge was put aside stays apart, each may go with others, until it is retried", async () => {
  const database = await fresh();
  for (const [i, name] of ["one", "two"].entries()) await publish(database, name, 10 + i);
  const job = await merge(database);
  expect(await failJob(database, job, failure, true, MAX_ATTEMPTS)).toBe(true);
  expect(await names(database)).toEqual(["one", "two"]);
  expect(await claimMerge(database, all)).toBeNull();
  await publish(database, "nine", 90);
  const other = await merge(database);
  expect(inputsOf(other)).toEqual(["one", "nine"]);
  expect(await codeOf(retryJob(database, job.jobId))).toBe("failed");
  await abandonJob(database, other);
  await cancelJob(database, other.jobId);
  const third = await merge(database);
  expect(inputsOf(third)).toEqual(["two", "nine"]);
  await cancelJob(database, third.jobId);
  expect(await claimMerge(database, all)).toBeNull();
  expect(await retryJob(database, job.jobId)).toBe(true);
  expect(await codeOf(retryJob(database, job.jobId))).toBe("not_found");
  const again = await claim(database);
  expect([again.jobId, again.attempt, inputsOf(again)]).toEqual([job.jobId, 2, ["one", "two"]]);
  expect(await broken(database)).toEqual([]);
  await completeJob(database, again, archiveOf(again, 500));
  expect(await retryJob(database, other.jobId)).toBe(false);
  expect((await listJobs(database)).map(({ id }) => id)).toEqual([third.jobId]);
  expect(await broken(database)).toEqual([]);
});

test("a merge whose archive is gone is over when it is retried, and keeps its history", async () => {
  const database = await fresh();
  const batch = crypto.randomUUID();
  for (const [i, name] of ["one", "two"].entries()) await publish(database, name, 10 + i, { batch });
  const job = await merge(database, { ...all, scope: "batches" });
  await failJob(database, job, failure, true, MAX_ATTEMPTS);
  await deleteArchive(database, job.archives[0].id);
  expect((await listJobs(database)).map(({ id }) => id)).toEqual([job.jobId]);
  const live = async () =>
    (await database.ask((sql) => liveKeys(sql, { archiveKeys: [], inputKeys: [], jobIds: [job.jobId] }))).jobIds.size;
  expect(await live()).toBe(1);
  // Again and again: it is decided once.
  for (let i = 0; i < 2; i++) expect(await retryJob(database, job.jobId)).toBe(false);
  expect(await Promise.all([1, 2].map(() => retryJob(database, job.jobId)))).toEqual([false, false]);
  expect(await codeOf(cancelJob(database, job.jobId))).toBe("not_found");
  const row = await getJob(database, job.jobId);
  expect(row).toMatchObject({ status: "failed", attempt: 1, failure: { code: "obsolete" } });
  expect((await listRuns(database, job.jobId)).map(({ outcome, error }) => [outcome, error])).toEqual([
    ["cancelled", row?.failure?.message ?? null],
    ["put_aside", "not_utf8: byte 7 is not UTF-8"],
  ]);
  // Listed with what is done: nobody need care any more.
  expect(await listJobs(database)).toEqual([]);
  expect((await listJobs(database, { statuses: ["failed", "completed"] })).map(({ id }) => id)).toContain(job.jobId);
  expect(await live()).toBe(0);
  // The same text once more, in the same batch: it is merged with what stayed.
  await publish(database, "one", 10, { batch });
  const again = await merge(database, { ...all, scope: "batches" });
  expect([again.attempt, again.batch, inputsOf(again)]).toEqual([1, batch, ["one", "two"]]);
  expect(again.jobId).not.toBe(job.jobId);
  await completeJob(database, again, archiveOf(again, 20));
  expect(await broken(database)).toEqual([]);
});

test("a join of shards whose archive is gone is over, and the shard that is made anew is joined", async () => {
  const database = await fresh();
  const shard = async (number: number) => {
    const options = { ...usual, shard: { number, of: 3 } };
    return await publish(database, `book.shard-${number}-of-3`, 10, { options, family: "book" });
  };
  const made = [await shard(1), await shard(2), await shard(3)];
  const join = await merge(database);
  await failJob(database, join, failure, true, MAX_ATTEMPTS);
  expect(await claimMerge(database, all)).toBeNull();
  await deleteArchive(database, made[1].id);
  expect(await retryJob(database, join.jobId)).toBe(false);
  expect(await claimMerge(database, all)).toBeNull();
  await shard(2);
  expect(inputsOf(await merge(database))).toEqual(inputsOf(join));
  expect(await broken(database)).toEqual([]);
});

test("thousands of archives: the smallest pair is found in time", async () => {
  const database = await fresh();
  await database.ask(
    (sql) => sql`
      insert into archives (id, s3_key, name, ortho_count, lineage, options, batch, sentences_bytes, size_bytes, tar_sha256)
      select gen_random_uuid(), 'k' || i, 'archive ' || i, 1, '""', '{"max_dims":2,"min_volume":1,"shard":null}',
        md5('' || i)::uuid, 10, 1 + 7919 * i % 5000, repeat('a', 64)
      from generate_series(1, 5000) i`,
  );
  // As many batches as archives: there is nothing to merge, and all have to be looked at.
  expect(await claimMerge(database, { ...all, scope: "batches" })).toBeNull();
  for (let i = 0; i < 20; i++) {
    const sizes = (await merge(database)).archives.map(({ size_bytes }) => size_bytes);
    expect(sizes).toEqual([2 * i + 1, 2 * i + 2]);
  }
});

test("jobs of a name that is used already get a number", async () => {
  const database = await fresh();
  const first = await publish(database, "book", 1);
  const [id] = await submit(database, newJob("book", { dedupeKey: "another text" }));
  const job = await claim(database, "w", id);
  expect(first.name).toBe("book");
  expect((await completeJob(database, job, archiveOf(job, 2))).name).toBe("book.2");
});
