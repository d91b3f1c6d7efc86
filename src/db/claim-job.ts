import { ARCHIVE_JSON } from "./archive-columns.ts";
import type { Client, Database } from "./database.ts";
import { isId } from "./leases.ts";
import type { ArchiveRow, ClaimedJob, JobOptions, JobType } from "./rows.ts";

/** Which job a worker takes. */
export interface ClaimWanted {
  readonly worker: string;
  /** Only this job. */
  readonly id?: string;
  /** Also merges that wait for another attempt. */
  readonly merges: boolean;
  /** Merges only of archives that were folded with these options; null for any. */
  readonly options?: JobOptions | null;
  /** Nothing larger than that of its kind. */
  readonly most_bytes?: { readonly text: number; readonly merge: number };
}

/** A claimed job as the statements return it. */
export interface ClaimedRecord {
  readonly id: string;
  readonly worker_id: string;
  readonly attempt: number;
  readonly job_type: JobType;
  readonly name: string;
  readonly options: JobOptions;
  readonly batch: string | null;
  readonly size_bytes: number;
  readonly input_path: string;
  readonly archives?: readonly ArchiveRow[] | null;
}

/**
 * Take the next job that waits, as a new attempt: texts before merges, then as they came; null when there is none.
 *
 * One statement, so there is no moment at which a job is neither waiting nor leased. `skip locked` lets each of many
 * claimers go on to the next job at once; a row that another has claimed and let go of in between is looked at again
 * by the database before it counts. The token makes the claim findable when its answer is lost; being unique, it also
 * keeps a claim that is still under way somewhere from succeeding beside its repetition. What is not asked for is left
 * out of the statement: it is planned anew each time, and that is half of what a claim costs.
 */
export async function claimJob(database: Database, wanted: ClaimWanted): Promise<ClaimedJob | null> {
  const { worker, id = null, merges, options = null, most_bytes } = wanted;
  if (id !== null && !isId(id)) return null;
  const token = crypto.randomUUID();
  const [text, merge] = [limitOf(most_bytes?.text), limitOf(most_bytes?.merge)];
  return await database.do({
    run: async (sql) => {
      const [job] = await sql<ClaimedRecord[]>`
        with next as (
          select id from jobs
          where status = 'pending' ${id === null ? sql`` : sql`and id = ${id}`}
            and ${merges ? either(sql, options, text, merge) : sql`job_type <> 'archive_merge' and size_bytes <= ${text}`}
          order by (job_type = 'archive_merge'), position
          limit 1
          for update skip locked
        ), taken as (
          update jobs set status = 'processing', worker_id = ${worker}, attempt = attempt + 1, started_at = now(),
            heartbeat_at = now()
          from next where jobs.id = next.id
          returning jobs.id, worker_id, attempt, job_type, name, options, batch, size_bytes, input_path
        ), locked as (
          insert into job_locks (job_id, worker_id, attempt, claim_token)
          select id, worker_id, attempt, ${token} from taken
        ), run as (
          insert into processing_runs (job_id, worker_id, attempt) select id, worker_id, attempt from taken
        )
        select taken.* ${
          merges
            ? sql`, case when job_type = 'archive_merge' then (
                select json_agg(${sql.unsafe(ARCHIVE_JSON)} order by a.size_bytes, a.name)
                from archives a where a.reserved_by = taken.id
              ) end as archives`
            : sql``
        }
        from taken`;
      return job === undefined ? null : toClaimed(job);
    },
    find: (sql) => findClaim(sql, token),
  });
}

/** A text, or a merge of the options that are wanted; each of what its kind may take. */
function either(sql: Client, options: JobOptions | null, text: number, merge: number) {
  const wanted =
    options === null
      ? sql``
      : sql`and options->>'max_dims' is not distinct from ${textOf(options.max_dims)}::text
          and options->>'min_volume' = ${textOf(options.min_volume)}::text`;
  return sql`case when job_type = 'archive_merge' then size_bytes <= ${merge} ${wanted} else size_bytes <= ${text} end`;
}

/** What a claim with this token has taken; null when it has taken nothing, or the job is lost again. */
export async function findClaim(sql: Client, token: string): Promise<ClaimedJob | null> {
  const [job] = await sql<ClaimedRecord[]>`
    select j.id, l.worker_id, l.attempt, j.job_type, j.name, j.options, j.batch, j.size_bytes, j.input_path, (
      select json_agg(${sql.unsafe(ARCHIVE_JSON)} order by a.size_bytes, a.name)
      from archives a where a.reserved_by = j.id
    ) as archives
    from job_locks l join jobs j on j.id = l.job_id
    where l.claim_token = ${token}`;
  return job === undefined ? null : toClaimed(job);
}

/** A claimed job by the names of ClaimedJob. */
export function toClaimed(job: ClaimedRecord): ClaimedJob {
  return {
    jobId: job.id,
    workerId: job.worker_id,
    attempt: job.attempt,
    jobType: job.job_type,
    name: job.name,
    options: job.options,
    batch: job.batch,
    size_bytes: job.size_bytes,
    inputPath: job.input_path,
    archives: job.archives ?? [],
  };
}

/** A limit that the database can compare with: any number, also Infinity. */
export function limitOf(most_bytes = Number.POSITIVE_INFINITY): number {
  return Math.min(Math.floor(most_bytes), Number.MAX_SAFE_INTEGER);
}

/** A number of options as `->>` gives it. */
export function textOf(value: number | null | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}
