// Many workers at random, for a while: at every moment the tables make sense, and in the end all is done once.
import { expect, test } from "bun:test";
import { abandonJob } from "../../src/db/abandon-job.ts";
import { cancelJob } from "../../src/db/cancel-job.ts";
import { claimJob } from "../../src/db/claim-job.ts";
import { claimMerge } from "../../src/db/claim-merge.ts";
import { completeJob } from "../../src/db/complete-job.ts";
import type { Database } from "../../src/db/database.ts";
import { failJob } from "../../src/db/fail-job.ts";
import { heartbeat } from "../../src/db/heartbeat.ts";
import { listArchives } from "../../src/db/list-archives.ts";
import { listJobs } from "../../src/db/list-jobs.ts";
import { reclaimStale } from "../../src/db/reclaim-stale.ts";
import { retryJob } from "../../src/db/retry-job.ts";
import type { ClaimedJob } from "../../src/db/rows.ts";
import type { NewJob } from "../../src/db/submit-jobs.ts";
import { FoldError } from "../../src/errors.ts";
import { connect, newDatabase } from "../support/database.ts";
import { randomNumbers } from "../support/random.ts";
import { archiveOf, broken, failure, MAX_ATTEMPTS, newJob, submit, usual, watchRuns } from "./fixtures.ts";

const WORKERS = 12;
const SHARDS = 4;
const STEPS = 50;

function jobsOf(count: number): NewJob[] {
  const batch = crypto.randomUUID();
  return Array.from({ length: count }, (_, i) => {
    if (i % 3 !== 0) return newJob(`text ${i}`, { batch: i % 3 === 1 ? batch : null, size_bytes: i });
    const [family, number] = [`book ${Math.floor(i / 3 / SHARDS)}`, (Math.floor(i / 3) % SHARDS) + 1];
    return newJob(`${family}.shard-${number}-of-${SHARDS}`, {
      family,
      options: { ...usual, shard: { number, of: SHARDS } },
    });
  });
}

async function claimAny(database: Database, worker: string, isBatch: boolean): Promise<ClaimedJob | null> {
  const job = await claimJob(database, { worker, scope: "all" });
  return job ?? (await claimMerge(database, { worker, options: null, scope: isBatch ? "batches" : "all" }));
}

/** What was expected of a lease that somebody else may have ended. */
async function unlessLost(call: Promise<unknown>): Promise<void> {
  await call.catch((error: unknown) => {
    if (!(error instanceof FoldError && ["lease_lost", "not_found", "failed"].includes(error.code))) throw error;
  });
}

async function work(database: Database, worker: string, random: () => number): Promise<void> {
  for (let step = 0; step < STEPS; step++) {
    const dice = random();
    if (dice < 0.04) await reclaimStale(database, -1_000, MAX_ATTEMPTS);
    else if (dice < 0.1) await meddle(database, random);
    const job = await claimAny(database, worker, random() < 0.5);
    if (job === null) continue;
    if (random() < 0.5) await unlessLost(heartbeat(database, job, { share: random(), orthos: step }));
    const end = random();
    if (end < 0.1) await unlessLost(abandonJob(database, job));
    else if (end < 0.25) await unlessLost(failJob(database, job, failure, end < 0.13, MAX_ATTEMPTS));
    else if (end < 0.95) await unlessLost(completeJob(database, job, archiveOf(job, Math.ceil(random() * 1e6))));
  }
}

async function meddle(database: Database, random: () => number): Promise<void> {
  const jobs = await listJobs(database);
  const job = jobs[Math.floor(random() * jobs.length)];
  if (job !== undefined) await unlessLost((job.status === "failed" ? retryJob : cancelJob)(database, job.id));
}

/** Finish all that is left, retrying what was put aside. */
async function finishAll(database: Database): Promise<void> {
  for (;;) {
    await reclaimStale(database, -1_000, 1_000);
    for (const job of await listJobs(database, { statuses: ["failed"] })) await retryJob(database, job.id);
    const job = await claimAny(database, "finisher", false);
    if (job === null) return;
    await completeJob(database, job, archiveOf(job, 1));
  }
}

const seed = Number(process.env.FOLD_SEED ?? Math.floor(Math.random() * 1e9));

test(`random workers, FOLD_SEED=${seed}`, async () => {
  const url = await newDatabase();
  await watchRuns(url);
  const databases = await Promise.all(Array.from({ length: WORKERS }, () => connect(url, { max: 2 })));
  const watcher = await connect(url, { max: 1 });
  const jobs = jobsOf(60);
  await submit(watcher, ...jobs);
  let isOver = false;
  const watching = (async () => {
    while (!isOver) expect(await broken(watcher)).toEqual([]);
  })();
  await Promise.all(databases.map((database, i) => work(database, `worker-${i}`, randomNumbers(seed + i))));
  isOver = true;
  await watching;
  await finishAll(watcher);
  expect(await broken(watcher)).toEqual([]);
  const texts = (await listJobs(watcher, { statuses: ["completed"] })).filter(
    ({ jobType }) => jobType !== "archive_merge",
  );
  expect(texts.map(({ name }) => name).sort()).toEqual(jobs.map(({ name }) => name).sort());
  expect((await listArchives(watcher)).length).toBe(1);
  const [{ deadlocks }] = await watcher.ask(
    (sql) => sql<{ deadlocks: number }[]>`
      select deadlocks from pg_stat_database where datname = current_database()`,
  );
  expect(deadlocks).toBe(0);
});
