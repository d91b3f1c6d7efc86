import { FoldError } from "../errors.ts";
import type { Client, Database } from "./database.ts";
import type { JobOptions, JobStatus } from "./rows.ts";

/** A text to fold, or one shard of it. */
export interface NewJob {
  readonly name: string;
  readonly options: JobOptions;
  /** The same for jobs that are to become one archive. */
  readonly batch: string | null;
  /** The same for all shards of one text; null for a whole text. */
  readonly family: string | null;
  /** Two jobs of one key are one job: a hash of all that decides about the result. */
  readonly dedupeKey: string;
  readonly size_bytes: number;
  /** The key of the text in the bucket of inputs. */
  readonly inputPath: string;
}

/** A job that is there now. */
export interface Submitted {
  readonly id: string;
  /** false when the same was submitted before. */
  readonly isNew: boolean;
  readonly status: JobStatus;
}

/** So many go into one statement. */
export const MOST_AT_ONCE = 1_000;

/** Any number, the same in all versions: who submits shares the lock of this name. */
const LOCK = 5_403_728;

interface Inserted {
  readonly number: number;
  readonly id: string;
  readonly status: JobStatus;
}

/**
 * Queue jobs, all of a call or none; the same job twice is one.
 *
 * The ids are made here, so a call whose answer was lost can be carried out again: what it finds under its own id is
 * new. `do update` changes nothing, but it waits for whoever is inserting the same key, and returns the row that won;
 * after `do nothing` that row may be too new to be seen. Keys are taken in one order, or two calls could wait for
 * each other; their places in the queue, though, are those of the call.
 *
 * Whoever is in whileNobodySubmits is waited for.
 *
 * @returns as many as were given, in their order
 * @throws FoldError `usage` for more than MOST_AT_ONCE
 */
export async function submitJobs(database: Database, jobs: readonly NewJob[]): Promise<Submitted[]> {
  if (jobs.length > MOST_AT_ONCE) {
    throw new FoldError("usage", `${jobs.length} jobs at once`, `submit at most ${MOST_AT_ONCE} in one call`);
  }
  // Two of one key in one statement would be an error.
  const first = new Map<string, number>();
  for (const [number, { dedupeKey }] of jobs.entries()) if (!first.has(dedupeKey)) first.set(dedupeKey, number);
  const ids = jobs.map(() => crypto.randomUUID() as string);
  const rows = [...first.values()].map((number) => ({ ...jobs[number], number, id: ids[number] }));
  if (rows.length === 0) return [];
  const inserted = await database.ask(
    (sql) => sql<Inserted[]>`
      with given as (
        select * from jsonb_to_recordset(${sql.json(rows as never)}) as given(
          number int, id uuid, name text, options jsonb, batch uuid, family text, "dedupeKey" text, size_bytes bigint,
          "inputPath" text)
      ), held as materialized (
        select pg_advisory_xact_lock_shared(${LOCK})
      ), placed as materialized (
        select given.*, nextval('jobs_position_seq') as position from held cross join given order by number
      ), queued as (
        insert into jobs (id, position, job_type, name, options, batch, family, dedupe_key, size_bytes, input_path)
        select id, position, case when family is null then 'txt_file' else 'shard' end, name, options, batch, family,
          "dedupeKey", size_bytes, "inputPath"
        from placed order by "dedupeKey" collate "C"
        on conflict (dedupe_key) do update set dedupe_key = excluded.dedupe_key
        returning id, dedupe_key, status
      )
      select given.number, queued.id, queued.status from queued join given on given."dedupeKey" = queued.dedupe_key`,
  );
  const queued = new Map(inserted.map((row) => [row.number, row]));
  return jobs.map(({ dedupeKey }, number) => {
    const owner = first.get(dedupeKey)!;
    const { id, status } = queued.get(owner)!;
    return { id, isNew: owner === number && id === ids[number], status };
  });
}

/**
 * Do something while no job can come into being: what was submitted before is to be seen, and the rest waits until this
 * has ended. The lock is one of the transaction, as that of migrations is.
 */
export async function whileNobodySubmits<T>(database: Database, act: (sql: Client) => Promise<T>): Promise<T> {
  const done = database.ask((sql) =>
    // What is asked now must see what was done while this waited.
    sql.begin("isolation level read committed", async (transaction) => {
      const tx = transaction as unknown as Client;
      await tx`select pg_advisory_xact_lock(${LOCK})`;
      return await act(tx);
    }),
  );
  return (await done) as T;
}
