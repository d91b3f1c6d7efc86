import { ARCHIVE_JSON } from "./archive-columns.ts";
import type { Client, Database } from "./database.ts";
import { isId } from "./leases.ts";
import type { ArchiveRow, ClaimedJob, JobOptions, JobType } from "./rows.ts";

/** Which job a worker takes. */
export interface ClaimWanted {
  readonly worker: string;
  /** Names the claim, for `findClaim`; left out: any. */
  readonly token?: string;
  /** Only this job. */
  readonly id?: string;
  /** Of merges that wait for another attempt: those of texts submitted as one and of shards, or all. */
  readonly scope: "batches" | "all";
  /** With `all`: merges only of archives that were folded with these options; null for any. */
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
 * One statement, a function of the database (drizzle/0003_claim-function.sql), so there is no moment at which a job is
 * neither waiting nor leased. The token makes the claim findable when its answer is lost; being unique, it also keeps a
 * claim that is still under way somewhere from succeeding beside its repetition.
 */
export async function claimJob(database: Database, wanted: ClaimWanted): Promise<ClaimedJob | null> {
  const { worker, token = crypto.randomUUID(), id = null, scope, options = null, most_bytes } = wanted;
  if (id !== null && !isId(id)) return null;
  const [text, merge] = [limitOf(most_bytes?.text), limitOf(most_bytes?.merge)];
  const [dims, volume] = [textOf(options?.max_dims), textOf(options?.min_volume)];
  return await database.do({
    run: async (sql) => {
      const [job] = await sql<Omit<ClaimedRecord, "archives">[]>`
        select id, worker_id, attempt, job_type, name, options, batch, size_bytes, input_path
        from claim_job(${worker}, ${token}, ${id}, ${text}, ${merge}, ${scope === "all"}, ${dims}, ${volume})`;
      if (job?.job_type === "archive_merge") return await findClaim(sql, token);
      return job === undefined ? null : toClaimed({ ...job, archives: null });
    },
    find: (sql) => findClaim(sql, token),
  });
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
