// Whoever has lost the lease finds out with every call, and changes nothing.
import { describe, expect, test } from "bun:test";
import { abandonJob } from "../../src/db/abandon-job.ts";
import { cancelJob } from "../../src/db/cancel-job.ts";
import { claimJob } from "../../src/db/claim-job.ts";
import { claimMerge } from "../../src/db/claim-merge.ts";
import { completeJob } from "../../src/db/complete-job.ts";
import type { Database } from "../../src/db/database.ts";
import { failJob } from "../../src/db/fail-job.ts";
import { heartbeat } from "../../src/db/heartbeat.ts";
import { reclaimStale } from "../../src/db/reclaim-stale.ts";
import type { ClaimedJob } from "../../src/db/rows.ts";
import { connect, newDatabase } from "../support/database.ts";
import { archiveOf, broken, claim, codeOf, dump, failure, MAX_ATTEMPTS, publish, submit } from "./fixtures.ts";

/** Let so much time pass for the attempts that are under way. */
export async function pass(database: Database, time_ms: number): Promise<void> {
  const interval = `${time_ms} milliseconds`;
  await database.ask(
    (sql) => sql`
    update job_locks set heartbeat_at = heartbeat_at - ${interval}::interval, locked_at = locked_at - ${interval}::interval`,
  );
}

const losses: Record<string, (database: Database, job: ClaimedJob) => Promise<unknown>> = {
  "is another worker's": async (_database, job) => Object.assign(job, { workerId: "somebody else" }),
  "is of another attempt": async (_database, job) => Object.assign(job, { attempt: job.attempt + 1 }),
  "is of no job": async (_database, job) => Object.assign(job, { jobId: crypto.randomUUID() }),
  "was completed": (database, job) => completeJob(database, job, archiveOf(job)),
  "was given back": abandonJob,
  "was given back and is another's": async (database, job) => {
    await abandonJob(database, job);
    await claim(database, "other", job.jobId);
  },
  "was given back and is its own again": async (database, job) => {
    await abandonJob(database, job);
    await claim(database, job.workerId, job.jobId);
  },
  "has failed": (database, job) => failJob(database, job, failure, false, MAX_ATTEMPTS),
  "was put aside": (database, job) => failJob(database, job, failure, true, MAX_ATTEMPTS),
  "was cancelled": (database, job) => cancelJob(database, job.jobId),
  "was lost": async (database) => {
    await pass(database, 2_000);
    expect(await reclaimStale(database, 1_000, MAX_ATTEMPTS)).toBe(1);
  },
  "was lost and is another's": async (database, job) => {
    await pass(database, 2_000);
    await reclaimStale(database, 1_000, MAX_ATTEMPTS);
    await claim(database, "other", job.jobId);
  },
  "was lost and completed by another": async (database, job) => {
    await pass(database, 2_000);
    await reclaimStale(database, 1_000, MAX_ATTEMPTS);
    await completeJob(database, await claim(database, "other", job.jobId), archiveOf(job));
  },
};

const calls: Record<string, (database: Database, job: ClaimedJob) => Promise<unknown>> = {
  heartbeat: (database, job) => heartbeat(database, job, { share: 1, orthos: 7 }),
  completeJob: (database, job) => completeJob(database, job, archiveOf(job)),
  abandonJob,
  failJob: (database, job) => failJob(database, job, failure, false, MAX_ATTEMPTS),
  "failJob for good": (database, job) => failJob(database, job, failure, true, MAX_ATTEMPTS),
};

describe.each(["text", "merge"])("%s", (kind) => {
  test.each(Object.keys(losses))("an attempt that %s changes nothing", async (loss) => {
    const database = await connect(await newDatabase(), { max: 2 });
    for (const [i, name] of ["a", "b", "c"].entries()) await publish(database, name, 10 + i);
    await submit(database, "text");
    const merge = { worker: "worker-1", options: null, scope: "all" } as const;
    const job = { ...(kind === "text" ? await claim(database) : await claimMerge(database, merge))! };
    await losses[loss](database, job);
    const before = await dump(database);
    for (const [name, call] of Object.entries(calls)) {
      expect([name, await codeOf(call(database, job))]).toEqual([name, "lease_lost"]);
    }
    expect(await dump(database)).toEqual(before);
    expect(await broken(database)).toEqual([]);
  });
});

test("of those who free the lost at once each job is freed by one, and a heartbeat or the end saves it", async () => {
  const database = await connect(await newDatabase(), { max: 8 });
  await submit(database, ...Array.from({ length: 40 }, (_, i) => `job ${i}`));
  const jobs: ClaimedJob[] = [];
  for (let i = 0; i < 40; i++) jobs.push(await claim(database, `w${i}`));
  await pass(database, 10_000);
  expect(await reclaimStale(database, 20_000, MAX_ATTEMPTS)).toBe(0);
  for (const job of jobs.slice(0, 10)) await heartbeat(database, job, null);
  const counts = await Promise.all(Array.from({ length: 8 }, () => reclaimStale(database, 5_000, MAX_ATTEMPTS)));
  expect(counts.reduce((sum, count) => sum + count)).toBe(30);
  const codes = await Promise.all(jobs.map((job) => codeOf(heartbeat(database, job, null))));
  expect(codes).toEqual(jobs.map((_, i) => (i < 10 ? null : "lease_lost")));
  expect(await broken(database)).toEqual([]);
});

test("a job that is completed while the lost are freed is one or the other", async () => {
  const database = await connect(await newDatabase(), { max: 12 });
  const outcomes = new Set<string>();
  for (let round = 0; round < 15; round++) {
    await submit(database, ...Array.from({ length: 10 }, (_, i) => `job ${round} ${i}`));
    const jobs: ClaimedJob[] = [];
    for (let i = 0; i < 10; i++) jobs.push(await claim(database, `w${i}`));
    await pass(database, 10_000);
    const reclaims = Promise.all([1, 2].map(() => reclaimStale(database, 5_000, 100)));
    const ends = await Promise.all(
      jobs.map((job, i) =>
        codeOf(i % 2 === 0 ? completeJob(database, job, archiveOf(job)) : heartbeat(database, job, null)),
      ),
    );
    const freed = (await reclaims).reduce((sum, count) => sum + count);
    expect(freed).toBe(ends.filter((code) => code !== null).length);
    for (const code of ends) outcomes.add(String(code));
    expect(await broken(database)).toEqual([]);
    for (const [i, job] of jobs.entries()) if (ends[i] === null && i % 2 === 1) await abandonJob(database, job);
    for (;;) {
      const open = await claimJob(database, { worker: "rest", scope: "batches" });
      if (open === null) break;
      await completeJob(database, open, archiveOf(open));
    }
  }
  expect([...outcomes].filter((code) => code !== "null" && code !== "lease_lost")).toEqual([]);
});
