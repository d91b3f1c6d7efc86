// With a hundred thousand jobs each statement looks at those that it is about, and no more: rows are counted by the server.
import { expect, test } from "bun:test";
import { claimJob } from "../../src/db/claim-job.ts";
import { completeJob } from "../../src/db/complete-job.ts";
import { type Database, openDatabase } from "../../src/db/database.ts";
import { getJob, listJobs } from "../../src/db/list-jobs.ts";
import { reclaimStale } from "../../src/db/reclaim-stale.ts";
import type { JobStatus } from "../../src/db/rows.ts";
import { submitJobs } from "../../src/db/submit-jobs.ts";
import { asOwner, newDatabase } from "../support/database.ts";
import { archiveOf, claim, newJob } from "./fixtures.ts";

const JOBS = 100_000;
const url = await newDatabase();
await asOwner(async (sql) => {
  // Half are done, half wait; a few wait among those that are done, and the other way round.
  await sql.unsafe(`insert into jobs (id, job_type, status, name, options, dedupe_key, size_bytes, input_path, started_at,
      completed_at, attempt)
    select gen_random_uuid(), 'txt_file', case when is_done then 'completed' else 'pending' end, 'job ' || i,
      '{"max_dims":2,"min_volume":1,"shard":null}', 'key ' || i, 100, 'inputs/' || i,
      case when is_done then now() end, case when is_done then now() end, case when is_done then 1 else 0 end
    from generate_series(1, ${JOBS}) i, lateral (select (i <= ${JOBS / 2}) <> (i % 1000 = 0) as is_done) done`);
  await sql.unsafe("analyze jobs");
}, url);

/** How many rows of the tables are read by what `act` does, in whatever way. */
async function rowsRead(act: (database: Database) => Promise<unknown>): Promise<number> {
  const before = await counted();
  const database = await openDatabase({ url, max: 1 });
  const [{ pid }] = await database.ask((sql) => sql<{ pid: number }[]>`select pg_backend_pid() as pid`);
  try {
    await act(database);
  } finally {
    await database.close();
  }
  // A backend reports when it ends.
  const isThere = async () =>
    (await asOwner((sql) => sql`select from pg_stat_activity where pid = ${pid}`, url)).length > 0;
  while (await isThere()) await Bun.sleep(5);
  return (await counted()) - before;
}

async function counted(): Promise<number> {
  const [{ rows }] = await asOwner(
    (sql) => sql<{ rows: string }[]>`
      select sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) as rows from pg_stat_user_tables
      where relname in ('jobs', 'job_locks', 'archives', 'processing_runs')`,
    url,
  );
  return Number(rows);
}

const all: readonly JobStatus[] = ["pending", "processing", "failed", "completed"];

const calls: [what: string, most: number, act: (database: Database) => Promise<unknown>][] = [
  ["a claim", 10, (database) => claimJob(database, { worker: "w", scope: "all" })],
  [
    "a claim of somebody who merges nothing but batches",
    10,
    (database) => claimJob(database, { worker: "w", scope: "batches" }),
  ],
  [
    "a whole job",
    40,
    async (database) => {
      const job = await claim(database);
      await completeJob(database, job, archiveOf(job));
    },
  ],
  ["freeing those that are lost", 20, (database) => reclaimStale(database, 300_000, 3)],
  ["a submission", 20, (database) => submitJobs(database, [newJob("job 1"), newJob("another")])],
  ["one job", 10, async (database) => expect(await getJob(database, crypto.randomUUID())).toBeNull()],
  ["the first page of what is not done", 1100, (database) => listJobs(database)],
  ["a page behind all that is done", 1100, (database) => listJobs(database, { after: JOBS - 500 })],
  ["the first page of all", 2100, (database) => listJobs(database, { statuses: all })],
  ["a page of all in the middle", 2100, (database) => listJobs(database, { statuses: all, after: JOBS / 2 })],
];

test.each(calls)("%s reads at most %d rows", async (_, most, act) => {
  expect(await rowsRead(act)).toBeLessThanOrEqual(most);
});

test("the counting counts: who looks at all jobs reads all of them", async () => {
  const read = await rowsRead((database) => database.ask((sql) => sql`select count(*) from jobs where name = 'none'`));
  expect(read).toBeGreaterThanOrEqual(JOBS);
});
