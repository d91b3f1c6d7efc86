// Jobs and archives to try the statements with, and what must always hold of the tables.
import { createHash } from "node:crypto";
import { claimJob } from "../../src/db/claim-job.ts";
import { completeJob } from "../../src/db/complete-job.ts";
import type { Database } from "../../src/db/database.ts";
import type { AttemptKey, ClaimedJob, JobOptions, NewArchive } from "../../src/db/rows.ts";
import { type NewJob, submitJobs } from "../../src/db/submit-jobs.ts";
import { asOwner } from "../support/database.ts";

export const usual: JobOptions = { max_dims: 2, min_volume: 1, shard: null };
export const failure = { code: "not_utf8", message: "byte 7 is not UTF-8", hint: "convert it" } as const;
export const MAX_ATTEMPTS = 3;

/** A job to be submitted; each name is another text. */
export function newJob(name: string, changes: Partial<NewJob> = {}): NewJob {
  return {
    name,
    options: usual,
    batch: null,
    family: null,
    dedupeKey: `${name} ${changes.batch ?? ""} ${changes.options?.shard?.number ?? ""}`,
    size_bytes: 100,
    inputPath: `inputs/${name}.txt`,
    ...changes,
  };
}

/** Submit one job for each name; the ids. */
export async function submit(database: Database, ...jobs: readonly (string | NewJob)[]): Promise<string[]> {
  const all = jobs.map((job) => (typeof job === "string" ? newJob(job) : job));
  return (await submitJobs(database, all)).map(({ id }) => id);
}

/** Claim a job, which must be there. */
export async function claim(database: Database, worker = "worker-1", id?: string): Promise<ClaimedJob> {
  const job = await claimJob(database, { worker, scope: "all", ...(id === undefined ? {} : { id }) });
  if (job === null) throw new Error("no job to claim");
  return job;
}

/** The archive that an attempt has made. */
export function archiveOf(job: AttemptKey & { name: string; options: JobOptions }, size_bytes = 10): NewArchive {
  return {
    s3Key: `archives/${crypto.randomUUID()}.tar.zst`,
    name: job.name,
    orthoCount: 5,
    lineage: JSON.stringify(job.name),
    options: job.options,
    sentences_bytes: size_bytes,
    size_bytes,
    tarSha256: createHash("sha256").update(`${job.jobId} ${job.name}`).digest("hex"),
  };
}

/** Submit, claim and complete: an archive of this name and size. */
export async function publish(database: Database, name: string, size_bytes: number, changes: Partial<NewJob> = {}) {
  const [id] = await submit(database, newJob(name, changes));
  const job = await claim(database, "publisher", id);
  return await completeJob(database, job, archiveOf(job, size_bytes));
}

/** Everything in the tables, for comparing. */
export async function dump(database: Database): Promise<unknown> {
  return await database.ask(async (sql) => ({
    jobs: await sql`select * from jobs order by id`,
    locks: await sql`select * from job_locks order by job_id`,
    archives: await sql`select * from archives order by id`,
    runs: await sql`select * from processing_runs order by id`,
  }));
}

/** The code of the error that a call ends with; null when it ends well. */
export async function codeOf(call: Promise<unknown>): Promise<string | null> {
  try {
    await call;
    return null;
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  }
}

/**
 * Let a database refuse whatever changes the state of a job and writes no run of it in the same transaction, or takes
 * away a job or a run. What changes is noted in watched_changes, with the run that tells it.
 */
export async function watchRuns(url: string): Promise<void> {
  await asOwner(
    (sql) =>
      sql.unsafe(`
        create table watched_changes (number bigint primary key generated always as identity, job_id uuid, before text,
          after text, outcome text, is_decision boolean);
        create function watch_job() returns trigger language plpgsql as $$
        declare
          before text := case when tg_op = 'INSERT' then 'nothing' else old.status end;
        begin
          if tg_op = 'INSERT' and new.status = 'pending' then return null; end if;
          if tg_op = 'UPDATE' and (old.status, old.worker_id, old.attempt, old.error_code)
            is not distinct from (new.status, new.worker_id, new.attempt, new.error_code) then return null; end if;
          insert into watched_changes (job_id, before, after, outcome, is_decision)
            select new.id, before, new.status, coalesce(outcome, 'under way'), worker_id is null from processing_runs
            where job_id = new.id and attempt = new.attempt and xmin = pg_current_xact_id()::xid;
          if not found then raise 'job % went from % to % without a run', new.id, before, new.status; end if;
          return null;
        end $$;
        create function watch_deletion() returns trigger language plpgsql as $$
        begin
          raise '% % was deleted', case tg_table_name when 'jobs' then 'job' else 'run' end, old.id;
        end $$;
        create constraint trigger watched after insert or update on jobs deferrable initially deferred
          for each row execute function watch_job();
        create trigger watched_deletion after delete on jobs for each row execute function watch_deletion();
        create trigger watched_deletion after delete on processing_runs for each row execute function watch_deletion();
      `),
    url,
  );
}

/** What no constraint can say and must hold all the same, at any moment: what breaks it. */
export async function broken(database: Database): Promise<string[]> {
  const rows = await database.ask(
    (sql) => sql<{ what: string }[]>`
      select 'job without lease ' || j.id as what from jobs j where status = 'processing' and not exists (
        select from job_locks l where l.job_id = j.id and l.worker_id = j.worker_id and l.attempt = j.attempt)
      union all
      select 'lease without job ' || l.job_id from job_locks l join jobs j on j.id = l.job_id where status <> 'processing'
      union all
      select 'job without open run ' || j.id from jobs j where status = 'processing' and not exists (
        select from processing_runs r where r.job_id = j.id and r.worker_id = j.worker_id and r.attempt = j.attempt
          and r.outcome is null)
      union all
      select 'open run without job ' || r.id from processing_runs r join jobs j on j.id = r.job_id
      where r.outcome is null and (j.status <> 'processing' or r.attempt <> j.attempt)
      union all
      select 'completed ' || count(*) || ' times ' || j.id from jobs j join processing_runs r on r.job_id = j.id
      where r.outcome = 'completed' group by j.id, j.status having count(*) <> 1 or j.status <> 'completed'
      union all
      select 'completed without run ' || j.id from jobs j where status = 'completed' and not exists (
        select from processing_runs r where r.job_id = j.id and r.outcome = 'completed')
      union all
      select 'merge without its archives ' || j.id from jobs j
      where job_type = 'archive_merge' and status in ('pending', 'processing')
        and inputs is distinct from (
          select array_agg(a.id order by a.size_bytes, a.name) from archives a where a.reserved_by = j.id)
      union all
      select 'reserved by a job that is over ' || a.id from archives a join jobs j on j.id = a.reserved_by
      where j.status in ('completed', 'failed')
      union all
      select 'in two merges ' || i from jobs j, unnest(j.inputs) i where j.status = 'completed' group by i having count(*) > 1
      union all
      select 'merged and there ' || a.id from jobs j, unnest(j.inputs) i join archives a on a.id = i
      where j.status = 'completed' and not a.is_deleted`,
  );
  return rows.map(({ what }) => what);
}
