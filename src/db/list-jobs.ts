import type { Client, Database } from "./database.ts";
import { isId, OBSOLETE } from "./leases.ts";
import type { FailureRow, JobOptions, JobRow, JobStatus, JobType } from "./rows.ts";

/** Which jobs a list has. */
export interface JobsWanted {
  /** Left out: all that are not completed. Those that are over for good are listed where the completed ones are. */
  readonly statuses?: readonly JobStatus[];
  /** Only those of this name. */
  readonly name?: string;
  /** Jobs behind this position; for the next page, the position of the last one. */
  readonly after?: number;
  readonly limit?: number;
}

export const PAGE_ROWS = 1_000;

interface Result {
  readonly id: string;
  readonly job_type: JobType;
  readonly status: JobStatus;
  readonly name: string;
  readonly options: JobOptions;
  readonly batch: string | null;
  readonly size_bytes: number;
  readonly input_path: string;
  readonly position: number;
  readonly attempt: number;
  readonly retry_count: number;
  readonly created_ms: number;
  readonly started_ms: number | null;
  readonly completed_ms: number | null;
  readonly worker_id: string | null;
  readonly heartbeat_age_ms: number | null;
  readonly progress_share: number | null;
  readonly progress_orthos: number | null;
  readonly error_code: string | null;
  readonly error_message: string | null;
  readonly error_hint: string | null;
}

/** One page of jobs, in the order of their submission. */
export async function listJobs(database: Database, wanted: JobsWanted = {}): Promise<JobRow[]> {
  const { statuses = ["pending", "processing", "failed"], name, after = 0, limit = PAGE_ROWS } = wanted;
  const unfinished = statuses.filter((status) => status !== "completed").join(",");
  const withOver = statuses.includes("completed");
  const rows = await database.ask((sql) => {
    const named = name === undefined ? sql`` : sql`and name = ${name}`;
    const page = (which: Fragment) => sql`
      (select * from jobs where position > ${after} and ${which} ${named} order by position limit ${limit})`;
    // Each half by an index of its own.
    return select(
      sql,
      sql`(select * from (
        ${page(sql`status <> 'completed' and status = any (string_to_array(${unfinished}, ','))
          and (${withOver} or error_code is distinct from ${OBSOLETE})`)}
        ${withOver ? sql`union all ${page(sql`status = 'completed'`)}` : sql``}
      ) halves order by position limit ${limit})`,
    );
  });
  return rows.map(toJob);
}

/** One job, whatever its state; null when there is none of that id. */
export async function getJob(database: Database, id: string): Promise<JobRow | null> {
  if (!isId(id)) return null;
  const [job] = await database.ask((sql) => select(sql, sql`(select * from jobs where id = ${id})`));
  return job === undefined ? null : toJob(job);
}

type Fragment = ReturnType<Client>;

function select(sql: Client, jobs: Fragment) {
  return sql<Result[]>`
    select j.id, job_type, status, name, options, batch, size_bytes, input_path, position, j.attempt, retry_count,
      floor(extract(epoch from created_at) * 1000)::bigint as created_ms,
      floor(extract(epoch from started_at) * 1000)::bigint as started_ms,
      floor(extract(epoch from completed_at) * 1000)::bigint as completed_ms,
      j.worker_id, floor(extract(epoch from now() - l.heartbeat_at) * 1000)::bigint as heartbeat_age_ms,
      l.progress_share, l.progress_orthos, error_code, error_message, error_hint
    from ${jobs} j left join job_locks l on l.job_id = j.id
    order by position`;
}

function toJob(row: Result): JobRow {
  const { progress_share: share, progress_orthos: orthos } = row;
  return {
    id: row.id,
    jobType: row.job_type,
    status: row.status,
    name: row.name,
    options: row.options,
    batch: row.batch,
    size_bytes: row.size_bytes,
    inputPath: row.input_path,
    position: row.position,
    attempt: row.attempt,
    retryCount: row.retry_count,
    created_ms: row.created_ms,
    started_ms: row.started_ms,
    completed_ms: row.completed_ms,
    workerId: row.worker_id,
    heartbeat_age_ms: row.heartbeat_age_ms,
    progress: share === null || orthos === null ? null : { share, orthos },
    failure: toFailure(row),
  };
}

function toFailure({ error_code: code, error_message: message, error_hint: hint }: Result): FailureRow | null {
  return code === null ? null : { code, message: message ?? "", hint: hint ?? "" };
}
