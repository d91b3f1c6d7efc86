// A role without DDL can do all that workers do, and nothing else.
import { afterAll, expect, test } from "bun:test";
import { abandonJob } from "../../src/db/abandon-job.ts";
import { cancelJob } from "../../src/db/cancel-job.ts";
import { claimMerge } from "../../src/db/claim-merge.ts";
import { completeJob } from "../../src/db/complete-job.ts";
import { countJobs } from "../../src/db/count-jobs.ts";
import { deleteArchive } from "../../src/db/delete-archive.ts";
import { failJob } from "../../src/db/fail-job.ts";
import { heartbeat } from "../../src/db/heartbeat.ts";
import { getArchive, listArchives } from "../../src/db/list-archives.ts";
import { getJob, listJobs } from "../../src/db/list-jobs.ts";
import { listRuns } from "../../src/db/list-runs.ts";
import { liveKeys } from "../../src/db/live-keys.ts";
import { checkSchema } from "../../src/db/migrations.ts";
import { reclaimStale } from "../../src/db/reclaim-stale.ts";
import { retryJob } from "../../src/db/retry-job.ts";
import { serverOf } from "../../src/db/server.ts";
import { asOwner, connect, newDatabase, runClient } from "../support/database.ts";
import { archiveOf, broken, claim, codeOf, failure, MAX_ATTEMPTS, publish, submit } from "./fixtures.ts";

const url = await newDatabase();
const role = `fold_worker_${crypto.randomUUID().slice(0, 8)}`;
const password = crypto.randomUUID();
await asOwner(async (sql) => {
  // Made here, as the script sets no password.
  await sql.unsafe(`create role ${role} login password '${password}'`);
});
// After the database is gone, and with it what the role was granted there.
afterAll(() => asOwner((sql) => sql.unsafe(`drop role ${role}`)));
const script = `${import.meta.dir}/../../scripts/database-roles.sql`;
const psql = runClient("psql", url, ["-v", "ON_ERROR_STOP=1", "-qv", `role=${role}`, "-f", script]);
if (!psql.success) throw new Error(psql.stderr.toString());

const database = await connect(Object.assign(new URL(url), { username: role, password }).href);

test("the script changes all that it should or nothing, and says so", async () => {
  const name = `fold_bare_${crypto.randomUUID().slice(0, 8)}`;
  await asOwner((sql) => sql.unsafe(`create database ${name}`));
  const other = `${name}_role`;
  const bare = Object.assign(new URL(url), { pathname: `/${name}` }).href;
  // As its first lines say it is called.
  const ended = runClient("psql", bare, ["-v", `role=${other}`, "-f", script]);
  expect(ended.exitCode).not.toBe(0);
  expect(ended.stderr.toString()).toContain('relation "jobs" does not exist');
  expect(await asOwner((sql) => sql`select from pg_roles where rolname = ${other}`)).toHaveLength(0);
  await asOwner((sql) => sql.unsafe(`drop database ${name}`));
});

test("every statement of a worker", async () => {
  expect((await serverOf(database)).user).toBe(role);
  await checkSchema(database);
  const [first, second] = await submit(database, "first", "second");
  const job = await claim(database);
  await heartbeat(database, job, { share: 0.5, orthos: 1 });
  await abandonJob(database, job);
  await failJob(database, await claim(database, "w", first), failure, true, MAX_ATTEMPTS);
  await retryJob(database, first);
  await claim(database, "w", second);
  expect(await reclaimStale(database, -1_000, MAX_ATTEMPTS)).toBe(1);
  for (const id of [first, second]) await cancelJob(database, id);
  await publish(database, "a", 1);
  await publish(database, "b", 2);
  const wanted = { worker: "w", options: null, scope: "all" } as const;
  await cancelJob(database, (await claimMerge(database, wanted))!.jobId);
  await publish(database, "c", 3);
  const merge = (await claimMerge(database, wanted))!;
  const { id } = await completeJob(database, merge, archiveOf(merge, 4));
  // A merge that is over stays, with its runs.
  const [refused] = (await listJobs(database)).filter(({ jobType }) => jobType === "archive_merge");
  expect(await retryJob(database, refused.id)).toBe(false);
  await deleteArchive(database, id);
  expect((await listArchives(database)).length).toBe(1);
  expect((await getArchive(database, "b"))?.name).toBe("b");
  expect(
    await database.ask((sql) => liveKeys(sql, { archiveKeys: ["x"], inputKeys: ["x"], jobIds: [first] })),
  ).toBeDefined();
  expect([await getJob(database, first), await listRuns(database, first)]).not.toContain(null);
  expect(await countJobs(database)).toMatchObject({ failed: 3 });
  expect(await broken(database)).toEqual([]);
});

test.each([
  "create table other (id int)",
  "create table public.other (id int)",
  "create schema other",
  "create function f() returns int language sql as 'select 1'",
  "alter table jobs add column other int",
  "alter table jobs disable trigger all",
  "drop table job_locks",
  "drop index jobs_pending",
  "truncate jobs",
  "truncate processing_runs",
  "delete from jobs",
  "delete from processing_runs",
  "delete from archives",
  "delete from fold_migrations",
  "insert into fold_migrations (hash, created_at) values ('', 1)",
  "create role other",
  "grant select on jobs to public",
  "copy jobs to program 'cat'",
  "select * from pg_authid",
])("not: %s", async (statement) => {
  const code = await codeOf(database.ask((sql) => sql.unsafe(statement)));
  // A grant by somebody who may not give anything away is no error, only a notice.
  expect(statement.startsWith("grant") ? [null, "refused"] : ["refused"]).toContain(code as never);
  const [{ is_public }] = await asOwner(
    (sql) => sql<{ is_public: boolean }[]>`
      select coalesce(relacl::text ~ '[{,]=', false) as is_public from pg_class where relname = 'jobs'`,
    url,
  );
  expect(is_public).toBe(false);
});
