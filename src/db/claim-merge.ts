import { ARCHIVE_JSON } from "./archive-columns.ts";
import { type ClaimedRecord, findClaim, limitOf, textOf, toClaimed } from "./claim-job.ts";
import type { Client, Database } from "./database.ts";
import type { ClaimedJob, JobOptions } from "./rows.ts";

/** Which archives a worker merges. */
export interface MergeWanted {
  readonly worker: string;
  /** Names the claim, for `findClaim`; left out: any. */
  readonly token?: string;
  /** Only archives that were folded with these options; null for any, as long as they are the same. */
  readonly options: JobOptions | null;
  /** Only archives of one batch with each other, or all. The shards of a text are joined either way. */
  readonly scope: "batches" | "all";
  /** Most that the sentences may take: of a pair together, of shards, which have the same ones, once. */
  readonly most_bytes?: number;
}

/** Each failed try means that another worker has got on: more tries than this are a mistake. */
const MOST_TRIES = 1_000;
const LONGEST_PAUSE_MS = 20;

/** What came of one try; all but `found` is null when another was quicker. */
type Try = { readonly found: number } & { readonly [K in keyof ClaimedRecord]: ClaimedRecord[K] | null };

/**
 * Choose archives to merge, reserve them and make the job, in one statement: shards of a text once all are there, else
 * the two smallest archives. null when there is nothing to merge.
 *
 * Which archives are the smallest is decided by what is to be seen at the beginning; whether they are still free, by
 * locking them. Who does not get all of them at once takes none and looks again, so no archive is in two merges, nobody
 * waits for anybody, and whoever fails has been outrun by somebody who did not.
 *
 * A pair whose merge was put aside stays apart: the failed job, with the same inputs, is what says so.
 */
export async function claimMerge(database: Database, wanted: MergeWanted): Promise<ClaimedJob | null> {
  if (!(await mayMerge(database, wanted))) return null;
  const { token = crypto.randomUUID() } = wanted;
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const claimed = await database.do<ClaimedJob | "nothing" | "outrun">({
      run: async (sql) => {
        const [result] = await attemptMerge(sql, wanted, token);
        if (result.id !== null) return toClaimed(result as ClaimedRecord);
        return result.found > 0 ? "outrun" : "nothing";
      },
      find: (sql) => findClaim(sql, token),
    });
    if (claimed === "nothing") return null;
    if (claimed !== "outrun") return claimed;
    await Bun.sleep(Math.random() * Math.min(LONGEST_PAUSE_MS, tries));
  }
  return null;
}

/**
 * Whether there may be anything to merge. Workers without work ask again and again, and only planning how to choose takes
 * the database several milliseconds.
 */
async function mayMerge(database: Database, { scope }: MergeWanted): Promise<boolean> {
  const [{ may }] = await database.ask(
    (sql) => sql<{ may: boolean }[]>`
      select exists (
        select from archives where batch is not null and not is_deleted and not is_damaged and reserved_by is null
          and options->>'shard' is null
        group by batch having count(*) > 1
      ) or exists (
        select from archives where family is not null and not is_deleted and not is_damaged and reserved_by is null
        group by family having count(*) >= max((options->'shard'->>'of')::bigint)
      ) or ${scope === "all"} and exists (
        select from archives where not is_deleted and not is_damaged and reserved_by is null
          and options->>'shard' is null offset 1
      ) as may`,
  );
  return may;
}

function attemptMerge(sql: Client, { worker, options, scope, most_bytes }: MergeWanted, token: string) {
  const most = limitOf(most_bytes);
  return sql<Try[]>`
    with free as not materialized (
      select * from archives
      where not is_deleted and not is_damaged and reserved_by is null
        and (${options === null} or (options->>'max_dims' is not distinct from ${textOf(options?.max_dims)}::text
          and options->>'min_volume' = ${textOf(options?.min_volume)}::text))
    ), parts as (
      select distinct on (family, options->'shard'->'number') * from free where family is not null
      order by family, options->'shard'->'number', created_at, id
    ), joins as (
      select array_agg(id order by size_bytes, name) as ids, max(sentences_bytes) as size_bytes,
        regexp_replace(min(name), '\\.shard-[0-9]+-of-[0-9]+(\\.[0-9]+)?$', '') as name
      from parts group by family having count(*) = max((options->'shard'->>'of')::bigint)
    ), pairs as (
      select array[a.id, b.id] as ids, a.sentences_bytes + b.sentences_bytes as size_bytes,
        a.name || ' + ' || b.name as name
      from free b cross join lateral (
        select * from free a
        where a.options->>'shard' is null and a.options = b.options and (a.size_bytes, a.name) < (b.size_bytes, b.name)
          and a.sentences_bytes + b.sentences_bytes <= ${most}
          and (${scope === "all"} or a.batch = b.batch)
          and ${allowed(sql, "array[a.id, b.id]")}
        order by a.size_bytes, a.name limit 1
      ) a
      where b.options->>'shard' is null and (${scope === "all"} or b.batch is not null)
      order by b.size_bytes, b.name limit 1
    ), chosen as materialized (
      select * from (
        select 1 as turn, ids, size_bytes, name from joins where size_bytes <= ${most} and ${allowed(sql, "joins.ids")}
        union all select 2, ids, size_bytes, name from pairs
      ) able order by turn, size_bytes, name limit 1
    ), locked as materialized (
      select * from archives
      where id = any ((select ids from chosen)::uuid[]) and not is_deleted and reserved_by is null
      order by id for update skip locked
    ), job as (
      insert into jobs (id, job_type, status, name, options, batch, size_bytes, input_path, input_path_b, inputs,
        started_at, heartbeat_at, worker_id, attempt)
      select ${crypto.randomUUID()}, 'archive_merge', 'processing', c.name, jsonb_set(a.options, '{shard}', 'null'),
        case when a.batch = all (select batch from locked) then a.batch end,
        c.size_bytes, a.s3_key, b.s3_key, c.ids, now(), now(), ${worker}, 1
      from chosen c join locked a on a.id = c.ids[1] join locked b on b.id = c.ids[2]
      where (select count(*) from locked) = cardinality(c.ids)
      returning *
    ), reserved as (
      update archives a set reserved_by = job.id from job where a.id = any (job.inputs) returning a.*
    ), lease as (
      insert into job_locks (job_id, worker_id, attempt, claim_token) select id, worker_id, attempt, ${token} from job
    ), run as (
      insert into processing_runs (job_id, worker_id, attempt) select id, worker_id, attempt from job
    )
    select (select count(*)::int from chosen) as found, job.id, job.worker_id, job.attempt, job.job_type, job.name,
      job.options, job.batch, job.size_bytes, job.input_path, (
        select json_agg(${sql.unsafe(ARCHIVE_JSON)} order by a.size_bytes, a.name) from reserved a
      ) as archives
    from (select 1) one left join job on true`;
}

/** That no merge of just these archives was put aside. */
function allowed(sql: Client, ids: "array[a.id, b.id]" | "joins.ids") {
  return sql`not exists (
    select from jobs f where f.status = 'failed' and f.job_type = 'archive_merge' and f.inputs = ${sql.unsafe(ids)})`;
}
