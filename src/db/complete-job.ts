import { FoldError } from "../errors.ts";
import type { Client, Database } from "./database.ts";
import { violates } from "./failures.ts";
import { leaseLost } from "./leases.ts";
import type { AttemptKey, NewArchive } from "./rows.ts";

/** The archive that a job has left. */
export interface Completed {
  readonly id: string;
  /** The name that was asked for, or that with a number where another archive has it. */
  readonly name: string;
  /** false when the very same archive was there already: nobody needs the object that was uploaded. */
  readonly isNew: boolean;
}

interface Result {
  readonly id: string;
  readonly name: string;
  readonly s3_key: string;
}

/** Two who want a name at the same time: one is told so and takes the next. More tries than this are a mistake. */
const MOST_TRIES = 1_000;

/**
 * The job is done: in one statement the archive gets its row and its name, what was merged into it is marked as
 * deleted, and the lease ends. The object must be whole in the bucket before.
 *
 * When the answer is lost, the run of the attempt tells whether it was carried out: it names the archive. So an
 * attempt that has completed learns so, also when somebody has merged its archive in between.
 *
 * @throws FoldError `lease_lost`
 */
export async function completeJob(database: Database, key: AttemptKey, archive: NewArchive): Promise<Completed> {
  return await database.do({
    run: async (sql) => {
      for (let tries = 0; tries < MOST_TRIES; tries++) {
        try {
          const [result] = await complete(sql, key, archive);
          if (result === undefined) throw leaseLost(key);
          return toCompleted(result, archive);
        } catch (error) {
          if (!violates(error, "archives_name")) throw error;
          await Bun.sleep(Math.random() * Math.min(tries, 20));
        }
      }
      throw new FoldError("failed", `found no free name for ${archive.name}`, "this is a mistake in fold: report it");
    },
    find: (sql) => findCompleted(sql, key, archive),
  });
}

/** What an attempt has completed, whoever was told; null where it has not. */
export async function completedBy(database: Database, key: AttemptKey, archive: NewArchive): Promise<Completed | null> {
  return await database.ask((sql) => findCompleted(sql, key, archive));
}

async function findCompleted(sql: Client, { jobId, workerId, attempt }: AttemptKey, archive: NewArchive) {
  const [result] = await sql<Result[]>`
    select a.id, a.name, a.s3_key from processing_runs r join archives a on a.id = r.result_archive_id
    where r.job_id = ${jobId} and r.attempt = ${attempt} and r.worker_id = ${workerId}`;
  return result === undefined ? null : toCompleted(result, archive);
}

function toCompleted({ id, name, s3_key }: Result, { s3Key }: NewArchive): Completed {
  return { id, name, isNew: s3_key === s3Key };
}

/**
 * Of archives with the same tar one is enough, as equal work gives equal bytes; but not while somebody merges it, nor
 * for another batch. Free names are looked for among as many numbers as there are names of that form, and two.
 */
function complete(sql: Client, { jobId, workerId, attempt }: AttemptKey, archive: NewArchive) {
  return sql<Result[]>`
    with mine as (
      update jobs set status = 'completed', completed_at = now(), heartbeat_at = now(), worker_id = null,
        error_code = null, error_message = null, error_hint = null
      where id = ${jobId} and status = 'processing' and worker_id = ${workerId} and attempt = ${attempt}
      returning id, batch, case when job_type = 'shard' then family end as family
    ), unlocked as (
      delete from job_locks using mine where job_id = mine.id
    ), same as (
      select a.id, a.name, a.s3_key from archives a join mine
        on a.batch is not distinct from mine.batch and a.family is not distinct from mine.family
      where a.tar_sha256 = ${archive.tarSha256} and not a.is_deleted and not a.is_damaged and a.reserved_by is null
      limit 1 for update of a skip locked
    ), named as (
      select case when not exists (select from archives where not is_deleted and name = ${archive.name})
        then ${archive.name}
        else (
          select ${archive.name} || '.' || number
          from generate_series(2, 2 + (
            select count(*) from archives
            where not is_deleted and name > ${archive.name} || '.' and name < ${archive.name} || '/'
          )) number
          -- Counted, not joined: one look into the index for each number, and mostly there is one.
          where (select count(*) from archives a where not a.is_deleted
            and a.name = ${archive.name} || '.' || number) = 0
          order by number limit 1
        ) end as name
    ), made as (
      insert into archives (id, s3_key, name, ortho_count, lineage, options, batch, family, sentences_bytes, size_bytes,
        tar_sha256)
      select ${crypto.randomUUID()}, ${archive.s3Key}, named.name, ${archive.orthoCount}, ${archive.lineage},
        ${sql.json(archive.options as never)}, mine.batch, mine.family, ${archive.sentences_bytes},
        ${archive.size_bytes}, ${archive.tarSha256}
      from mine cross join named where not exists (select from same)
      returning id, name, s3_key
    ), used as (
      update archives a set is_deleted = true, deleted_at = now(), reserved_by = null from mine
      where a.reserved_by = mine.id
    ), result as (
      select id, name, s3_key from made union all select id, name, s3_key from same
    ), run as (
      update processing_runs r set completed_at = now(), outcome = 'completed', result_archive_id = result.id,
        orthos_processed = ${archive.orthoCount}
      from result where r.job_id = ${jobId} and r.attempt = ${attempt} and r.worker_id = ${workerId}
    )
    select id, name, s3_key from result`;
}
