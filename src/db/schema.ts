// The tables, as drizzle-kit turns them into migrations (`npm run db:generate`). What a row may be is said here, by
// constraints; how rows change is said by the statements, one file each.
import { type SQL, sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  bigint,
  boolean,
  check,
  customType,
  index,
  integer,
  jsonb,
  pgTable,
  real,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";

/** Compares by bytes, whatever the language of the server: the same order on every machine. */
const plainText = customType<{ data: string }>({ dataType: () => 'text collate "C"' });

const time = () => timestamp({ withTimezone: true });
const count = () => bigint({ mode: "number" });

/** One unit of work: a text or a shard of it to fold, or archives to merge. A row is never removed. */
export const jobs = pgTable(
  "jobs",
  {
    id: uuid().primaryKey(),
    /** In the order of submission, also of what was submitted at once. */
    position: count().notNull().generatedByDefaultAsIdentity(),
    job_type: text().notNull(),
    status: text().notNull().default("pending"),
    name: plainText().notNull(),
    options: jsonb().notNull(),
    /** Jobs submitted to become one archive. */
    batch: uuid(),
    /** Shards of one text. */
    family: plainText(),
    /** Of a text: what makes it the same job as another one; null once it may be done again. */
    dedupe_key: plainText(),
    size_bytes: count().notNull(),
    input_path: text().notNull(),
    input_path_b: text(),
    /** Of a merge: ids of its archives, in the order in which they are merged. */
    inputs: uuid().array(),
    created_at: time().notNull().defaultNow(),
    /** When the last attempt began. */
    started_at: time(),
    completed_at: time(),
    /** When the last attempt was last heard of; while it runs, its row in job_locks knows better. */
    heartbeat_at: time(),
    worker_id: text(),
    /** Number of the last attempt; 0 before the first. */
    attempt: integer().notNull().default(0),
    /** Attempts that have failed or were lost. */
    retry_count: integer().notNull().default(0),
    error_code: text(),
    error_message: text(),
    error_hint: text(),
  },
  (t) => [
    check("jobs_type_known", sql`${t.job_type} in ('txt_file', 'shard', 'archive_merge')`),
    check("jobs_status_known", sql`${t.status} in ('pending', 'processing', 'completed', 'failed')`),
    check("jobs_owned_while_processing", sql`(${t.status} = 'processing') = (${t.worker_id} is not null)`),
    check("jobs_attempted", sql`${t.status} <> 'processing' or (${t.attempt} >= 1 and ${t.started_at} is not null)`),
    check("jobs_completed_at", sql`(${t.status} = 'completed') = (${t.completed_at} is not null)`),
    check("jobs_failed_with_reason", sql`${t.status} <> 'failed' or ${t.error_code} is not null`),
    check("jobs_counts", sql`${t.attempt} >= 0 and ${t.retry_count} >= 0 and ${t.size_bytes} >= 0`),
    check("jobs_options", optionsAre(t.options)),
    // What they hold is checked with the archive alone: whoever claims a job would pay for it with each change of it.
    check(
      "jobs_completed_well",
      sql`${t.status} <> 'completed' or (${t.attempt} >= 1 and ${t.started_at} is not null and ${t.error_code} is null)`,
    ),
    check("jobs_retries", sql`${t.retry_count} <= ${t.attempt}`),
    check("jobs_shards", sql`(${t.job_type} = 'shard') = (${t.options}->>'shard' is not null)`),
    check("jobs_families", sql`(${t.job_type} = 'shard') = (${t.family} is not null)`),
    check(
      "jobs_merges",
      sql`case ${t.job_type} when 'archive_merge'
        then ${t.inputs} is not null and cardinality(${t.inputs}) >= 2 and ${t.input_path_b} is not null and ${t.dedupe_key} is null
        else ${t.inputs} is null and ${t.input_path_b} is null end`,
    ),
    uniqueIndex("jobs_dedupe_key").on(t.dedupe_key),
    // The order in which jobs are claimed: texts before merges, then as they came.
    index("jobs_pending").on(sql`(${t.job_type} = 'archive_merge')`, t.position).where(sql`${t.status} = 'pending'`),
    // Lists go page by page, from one position to the next. Two halves, so that a claim has no more indexes to write to.
    index("jobs_unfinished").on(t.position).where(sql`${t.status} <> 'completed'`),
    index("jobs_completed").on(t.position).where(sql`${t.status} = 'completed'`),
    // By hash: the ids of many shards are more than a tree takes, and then such a merge could neither fail nor be cancelled.
    index("jobs_refused_merges")
      .using("hash", t.inputs)
      .where(sql`${t.status} = 'failed' and ${t.job_type} = 'archive_merge'`),
  ],
);

/**
 * A row for each job that is being processed, and for no other: the lease. Heartbeats write here and nowhere else, to
 * no column that is indexed, so that a heartbeat costs one small row in place.
 */
export const jobLocks = pgTable(
  "job_locks",
  {
    job_id: uuid()
      .primaryKey()
      .references(() => jobs.id, { onDelete: "cascade" }),
    worker_id: text().notNull(),
    attempt: integer().notNull(),
    /** Made by whoever claims: by it a claim whose answer was lost is found again. */
    claim_token: uuid().notNull(),
    locked_at: time().notNull().defaultNow(),
    heartbeat_at: time().notNull().defaultNow(),
    progress_share: real(),
    progress_orthos: count(),
  },
  (t) => [
    uniqueIndex("job_locks_claim_token").on(t.claim_token),
    check("job_locks_attempt", sql`${t.attempt} >= 1`),
    check("job_locks_progress", sql`${t.progress_share} between 0 and 1 and ${t.progress_orthos} >= 0`),
  ],
);

/** What folding and merging have left; a row is never removed, only marked as deleted. */
export const archives = pgTable(
  "archives",
  {
    id: uuid().primaryKey(),
    s3_key: plainText().notNull(),
    name: plainText().notNull(),
    ortho_count: count().notNull(),
    lineage: text().notNull(),
    options: jsonb().notNull(),
    batch: uuid(),
    /** Of a shard that is to be joined with the others of its text. */
    family: plainText(),
    sentences_bytes: count().notNull(),
    size_bytes: count().notNull(),
    tar_sha256: text().notNull(),
    created_at: time().notNull().defaultNow(),
    is_deleted: boolean().notNull().default(false),
    /** Nothing, or something else, was found under the key. */
    is_damaged: boolean().notNull().default(false),
    deleted_at: time(),
    /** The merge that is using it up. */
    reserved_by: uuid().references((): AnyPgColumn => jobs.id),
  },
  (t) => [
    uniqueIndex("archives_s3_key").on(t.s3_key),
    uniqueIndex("archives_name").on(t.name).where(sql`not ${t.is_deleted}`),
    check("archives_counts", sql`${t.ortho_count} >= 0 and ${t.sentences_bytes} >= 0 and ${t.size_bytes} > 0`),
    check("archives_sha256", sql`${t.tar_sha256} ~ '^[0-9a-f]{64}$'`),
    check("archives_deleted_at", sql`${t.is_deleted} = (${t.deleted_at} is not null)`),
    check("archives_reserved", sql`not (${t.is_deleted} and ${t.reserved_by} is not null)`),
    check("archives_options", optionsAre(t.options)),
    check("archives_option_values", optionsMakeSense(t.options)),
    check("archives_families", sql`${t.family} is null or ${t.options}->>'shard' is not null`),
    // The order in which archives are merged.
    index("archives_mergeable").on(t.size_bytes, t.name).where(mergeable(t)),
    index("archives_batches")
      .on(t.batch, t.size_bytes, t.name)
      .where(sql`${t.batch} is not null and ${mergeable(t)}`),
    index("archives_tar_sha256").on(t.tar_sha256).where(sql`not ${t.is_deleted}`),
    index("archives_joinable").on(t.family).where(sql`${t.family} is not null and not ${t.is_deleted}`),
    index("archives_reserved_by").on(t.reserved_by).where(sql`${t.reserved_by} is not null`),
  ],
);

/**
 * Every change of a job's state: a row for each attempt, begun with the claim and ended with what became of it; and one
 * for each decision about a job that nobody was working on, to cancel it or to let it wait again. That a job was
 * submitted is in its own row, created_at: it is no attempt, and happens once.
 */
export const processingRuns = pgTable(
  "processing_runs",
  {
    id: count().primaryKey().generatedAlwaysAsIdentity(),
    job_id: uuid()
      .notNull()
      .references(() => jobs.id, { onDelete: "cascade" }),
    /** null where nobody was working: a job that waited was cancelled, or a failed one is to be tried again. */
    worker_id: text(),
    attempt: integer().notNull(),
    started_at: time().notNull().defaultNow(),
    completed_at: time(),
    outcome: text(),
    orthos_processed: count(),
    result_archive_id: uuid().references(() => archives.id),
    error: text(),
  },
  (t) => [
    uniqueIndex("processing_runs_attempt").on(t.job_id, t.attempt).where(sql`${t.worker_id} is not null`),
    index("processing_runs_job").on(t.job_id),
    // Whatever the statements do: no job is completed twice.
    uniqueIndex("processing_runs_completed").on(t.job_id).where(sql`${t.outcome} = 'completed'`),
    index("processing_runs_result").on(t.result_archive_id).where(sql`${t.result_archive_id} is not null`),
    check("processing_runs_ended", sql`(${t.completed_at} is null) = (${t.outcome} is null)`),
    check(
      "processing_runs_outcome",
      sql`${t.outcome} in ('completed', 'abandoned', 'failed', 'put_aside', 'lost', 'cancelled', 'retried')`,
    ),
    check(
      "processing_runs_of_whom",
      sql`case when ${t.worker_id} is null then coalesce(${t.outcome}, '') in ('cancelled', 'retried') and ${t.attempt} >= 0
        else ${t.outcome} is distinct from 'retried' and ${t.attempt} >= 1 end`,
    ),
    check("processing_runs_counts", sql`${t.orthos_processed} >= 0`),
    check(
      "processing_runs_result_of",
      sql`(coalesce(${t.outcome}, '') = 'completed') = (${t.result_archive_id} is not null)`,
    ),
  ],
);

/**
 * Which fleet this is, to buckets in which others may be at work: one row, made with the table. It goes with the rows of
 * the fleet, so a dump that is restored elsewhere is the same fleet, and a database that is made anew is another.
 */
export const fleet = pgTable(
  "fleet",
  {
    is_only: boolean().primaryKey().default(true),
    id: uuid().notNull().defaultRandom(),
  },
  (t) => [check("fleet_only", sql`${t.is_only}`)],
);

function optionsAre(options: AnyPgColumn): SQL {
  return sql`jsonb_typeof(${options}) = 'object' and ${options} ?& array['max_dims', 'min_volume', 'shard']`;
}

/** Whole numbers, and a shard that is one of as many as there are. */
function optionsMakeSense(options: AnyPgColumn): SQL {
  const number = sql.raw("'^[1-9][0-9]{0,15}$'");
  return sql`coalesce(${options}->>'max_dims', '2') ~ ${number} and coalesce(${options}->>'min_volume', '') ~ ${number}
        and case when ${options}->>'shard' is null then true
          when coalesce(${options}#>>'{shard,number}', '') ~ ${number} and coalesce(${options}#>>'{shard,of}', '') ~ ${number}
          then (${options}#>>'{shard,number}')::bigint <= (${options}#>>'{shard,of}')::bigint
          else false end`;
}

function mergeable(t: { is_deleted: AnyPgColumn; reserved_by: AnyPgColumn; options: AnyPgColumn }): SQL {
  return sql`not ${t.is_deleted} and ${t.reserved_by} is null and ${t.options}->>'shard' is null`;
}
