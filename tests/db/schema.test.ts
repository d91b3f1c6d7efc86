// What the tables refuse, whoever writes to them: states that no statement leaves.
import { expect, test } from "bun:test";
import { claimMerge } from "../../src/db/claim-merge.ts";
import { failJob } from "../../src/db/fail-job.ts";
import { asOwner, connect, newDatabase } from "../support/database.ts";
import { archiveOf, broken, claim, failure, MAX_ATTEMPTS, newJob, publish, submit, usual } from "./fixtures.ts";

const url = await newDatabase();
const database = await connect(url);

// A job in each state, and a run of each kind.
await publish(database, "completed", 5);
const [failedId] = await submit(database, "failed");
await failJob(database, await claim(database, "w", failedId), failure, true, MAX_ATTEMPTS);
const shard = { number: 1, of: 2 };
const [runningId] = await submit(database, newJob("running", { options: { ...usual, shard }, family: "text" }));
await claim(database, "w", runningId);
await publish(database, "a", 1, { batch: crypto.randomUUID() });
await publish(database, "b", 2);
await claimMerge(database, { worker: "w", options: null, scope: "all" });
await submit(database, "waiting");

const job = (name: string, changes: string) => `update jobs set ${changes} where name = '${name}'`;
const run = (name: string, changes: string) =>
  `update processing_runs r set ${changes} from jobs j where j.id = r.job_id and j.name = '${name}'`;
const archive = (changes: string) => `update archives set ${changes} where name = 'completed'`;
const options = (changes: object) => `options = options || '${JSON.stringify(changes)}'`;
const another = (table: string, where: string, changes: string) =>
  `insert into ${table} select (jsonb_populate_record(t, '${changes}')).* from ${table} t where ${where}`;

test.each([
  // Jobs.
  ["jobs_type_known", job("waiting", "job_type = 'other'")],
  ["jobs_status_known", job("waiting", "status = 'lost'")],
  ["jobs_owned_while_processing", job("waiting", "worker_id = 'w'")],
  ["jobs_owned_while_processing", job("running", "worker_id = null")],
  ["jobs_owned_while_processing", job("running", "status = 'pending'")],
  ["jobs_attempted", job("waiting", "status = 'processing', worker_id = 'w'")],
  ["jobs_completed_at", job("completed", "completed_at = null")],
  ["jobs_completed_at", job("waiting", "completed_at = now()")],
  ["jobs_completed_well", job("waiting", "status = 'completed', completed_at = now()")],
  ["jobs_completed_well", job("completed", "error_code = 'failed'")],
  ["jobs_failed_with_reason", job("failed", "error_code = null")],
  ["jobs_retries", job("waiting", "retry_count = 1")],
  ["jobs_counts", job("waiting", "size_bytes = -1")],
  ["jobs_counts", job("waiting", "attempt = -1, retry_count = -1")],
  ["jobs_options", job("waiting", "options = options - 'shard'")],
  ["jobs_shards", job("running", options({ shard: null }))],
  ["jobs_families", job("running", "family = null")],
  ["jobs_families", job("waiting", "family = 'text'")],
  ["jobs_merges", job("a + b", "inputs = null")],
  ["jobs_merges", job("a + b", "inputs = inputs[1:1]")],
  ["jobs_merges", job("a + b", "input_path_b = null")],
  ["jobs_merges", job("a + b", "dedupe_key = 'key'")],
  ["jobs_merges", job("waiting", "input_path_b = 'key'")],
  ["jobs_dedupe_key", job("waiting", "dedupe_key = (select dedupe_key from jobs where name = 'running')")],
  ["jobs_pkey", job("waiting", "id = (select id from jobs where name = 'running')")],
  // Leases.
  ["job_locks_pkey", another("job_locks", "true", `{"claim_token":"${crypto.randomUUID()}"}`)],
  ["job_locks_claim_token", "update job_locks set claim_token = '00000000-0000-4000-8000-000000000000'"],
  ["job_locks_attempt", "update job_locks set attempt = 0"],
  ["job_locks_progress", "update job_locks set progress_share = 1.1"],
  ["job_locks_progress", "update job_locks set progress_orthos = -1"],
  ["job_locks_job_id_jobs_id_fk", "update job_locks set job_id = gen_random_uuid()"],
  // Archives.
  ["archives_s3_key", "update archives set s3_key = 'key'"],
  ["archives_name", "update archives set name = 'name' where not is_deleted"],
  ["archives_counts", archive("ortho_count = -1")],
  ["archives_counts", archive("size_bytes = 0")],
  ["archives_sha256", archive("tar_sha256 = upper(tar_sha256)")],
  ["archives_deleted_at", archive("is_deleted = true")],
  ["archives_deleted_at", archive("deleted_at = now()")],
  ["archives_reserved", "update archives set is_deleted = true, deleted_at = now() where name = 'a'"],
  ["archives_reserved_by_jobs_id_fk", archive("reserved_by = gen_random_uuid()")],
  ["archives_options", archive("options = options - 'shard'")],
  ["archives_option_values", archive("options = '[]'")],
  ["archives_option_values", archive(options({ max_dims: "two" }))],
  ["archives_option_values", archive(options({ max_dims: 0 }))],
  ["archives_option_values", archive(options({ min_volume: 0 }))],
  ["archives_option_values", archive(options({ min_volume: null }))],
  ["archives_option_values", archive(options({ min_volume: 1.5 }))],
  ["archives_option_values", archive(options({ shard: { number: 3, of: 2 } }))],
  ["archives_option_values", archive(options({ shard: { number: 0, of: 2 } }))],
  ["archives_option_values", archive(options({ shard: { number: 1 } }))],
  ["archives_option_values", archive(options({ shard: "1/2" }))],
  ["archives_families", archive("family = 'text'")],
  // Runs.
  [
    "processing_runs_attempt",
    another("processing_runs", "outcome = 'put_aside'", '{"id":1000}').replace(
      " select",
      " overriding system value select",
    ),
  ],
  [
    "processing_runs_completed",
    another("processing_runs", "outcome = 'completed'", '{"id":1000,"attempt":2}').replace(
      " select",
      " overriding system value select",
    ),
  ],
  ["processing_runs_ended", run("failed", "outcome = null")],
  ["processing_runs_ended", run("running", "completed_at = now()")],
  ["processing_runs_outcome", run("failed", "outcome = 'other'")],
  ["processing_runs_result_of", run("completed", "result_archive_id = null")],
  ["processing_runs_result_of", run("failed", "result_archive_id = (select id from archives limit 1)")],
  ["processing_runs_of_whom", run("failed", "worker_id = null")],
  ["processing_runs_of_whom", run("running", "worker_id = null")],
  ["processing_runs_of_whom", run("failed", "outcome = 'retried'")],
  ["processing_runs_of_whom", run("running", "attempt = 0")],
  ["processing_runs_counts", run("failed", "orthos_processed = -1")],
  ["processing_runs_result_archive_id_archives_id_fk", run("completed", "result_archive_id = gen_random_uuid()")],
])("%s: %s", async (constraint, statement) => {
  const error = await asOwner((sql) => sql.unsafe(statement), url).then(
    ({ count }) => `${count} rows changed`,
    (error: { constraint_name?: string }) => error.constraint_name ?? String(error),
  );
  expect(error).toBe(constraint);
});

test("nothing of that has left anything", async () => {
  expect(await broken(database)).toEqual([]);
  const [next] = [await claim(database)];
  expect([next.name, archiveOf(next).name]).toEqual(["waiting", "waiting"]);
});
