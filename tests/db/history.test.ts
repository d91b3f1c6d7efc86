// Every change of a job's state leaves a run, in the same transaction: the database itself is made to watch over it.
import { expect, test } from "bun:test";
import { abandonJob } from "../../src/db/abandon-job.ts";
import { cancelJob } from "../../src/db/cancel-job.ts";
import { claimMerge } from "../../src/db/claim-merge.ts";
import { completeJob } from "../../src/db/complete-job.ts";
import type { Database } from "../../src/db/database.ts";
import { deleteArchive } from "../../src/db/delete-archive.ts";
import { failJob } from "../../src/db/fail-job.ts";
import { reclaimStale } from "../../src/db/reclaim-stale.ts";
import { retryJob } from "../../src/db/retry-job.ts";
import { connect, newDatabase } from "../support/database.ts";
import { archiveOf, broken, claim, failure, MAX_ATTEMPTS, publish, submit, watchRuns } from "./fixtures.ts";

async function watched(): Promise<Database> {
  const url = await newDatabase();
  await watchRuns(url);
  return await connect(url, { max: 1 });
}

/** What has happened to a job: how its state changed, and what became of the run that says so. */
async function changesOf(database: Database, id: string): Promise<string[]> {
  const rows = await database.ask(
    (sql) => sql<{ change: string }[]>`
      select before || ' > ' || after || ': ' || outcome || case when is_decision then ', by nobody at work' else '' end
        as change
      from watched_changes where job_id = ${id} order by number`,
  );
  return rows.map(({ change }) => change);
}

test("of a text: claimed, given back, failed, lost, put aside, cancelled, retried, completed", async () => {
  const database = await watched();
  const [id] = await submit(database, "book");
  expect(await changesOf(database, id)).toEqual([]);
  await submit(database, "book");
  await abandonJob(database, await claim(database));
  await failJob(database, await claim(database), failure, false, MAX_ATTEMPTS);
  await claim(database);
  await reclaimStale(database, -1_000, MAX_ATTEMPTS);
  await failJob(database, await claim(database), failure, false, MAX_ATTEMPTS);
  await retryJob(database, id);
  for (let i = 0; i < MAX_ATTEMPTS; i++) {
    await claim(database);
    await reclaimStale(database, -1_000, MAX_ATTEMPTS);
  }
  await retryJob(database, id);
  await cancelJob(database, id);
  await retryJob(database, id);
  await claim(database);
  await cancelJob(database, id);
  await retryJob(database, id);
  const last = await claim(database);
  const { id: archive } = await completeJob(database, last, archiveOf(last));
  await deleteArchive(database, archive);
  const claimed = "pending > processing: under way";
  const retried = "failed > pending: retried, by nobody at work";
  expect(await changesOf(database, id)).toEqual([
    ...[claimed, "processing > pending: abandoned"],
    ...[claimed, "processing > pending: failed"],
    ...[claimed, "processing > pending: lost"],
    ...[claimed, "processing > failed: put_aside", retried],
    ...[claimed, "processing > pending: lost"],
    ...[claimed, "processing > pending: lost"],
    ...[claimed, "processing > failed: lost", retried],
    ...["pending > failed: cancelled, by nobody at work", retried],
    ...[claimed, "processing > failed: cancelled", retried],
    ...[claimed, "processing > completed: completed"],
  ]);
  expect(await broken(database)).toEqual([]);
});

test("of a merge: made with its claim, given back, put aside, retried, over", async () => {
  const database = await watched();
  const archives = [await publish(database, "one", 1), await publish(database, "two", 2)];
  const merge = (await claimMerge(database, { worker: "w", options: null, scope: "all" }))!;
  await abandonJob(database, merge);
  await failJob(database, await claim(database), failure, true, MAX_ATTEMPTS);
  await retryJob(database, merge.jobId);
  await cancelJob(database, merge.jobId);
  await deleteArchive(database, archives[0].id);
  for (let i = 0; i < 2; i++) expect(await retryJob(database, merge.jobId)).toBe(false);
  expect(await changesOf(database, merge.jobId)).toEqual([
    "nothing > processing: under way",
    "processing > pending: abandoned",
    "pending > processing: under way",
    "processing > failed: put_aside",
    "failed > pending: retried, by nobody at work",
    "pending > failed: cancelled, by nobody at work",
    "failed > failed: cancelled, by nobody at work",
  ]);
});

test("the watch sees what leaves no run", async () => {
  const database = await watched();
  const [id] = await submit(database, "book");
  const told = async (statement: string) =>
    await database
      .ask((sql) => sql.unsafe(statement))
      .then(
        () => null,
        (error: Error) => error.message,
      );
  const unseen = `update jobs set status = 'failed', error_code = 'failed' where id = '${id}'`;
  expect(await told(unseen)).toContain(`job ${id} went from pending to failed without a run`);
  // An old one is not enough.
  await abandonJob(database, await claim(database));
  expect(await told(unseen)).toContain("without a run");
  expect(await told(`delete from jobs where id = '${id}'`)).toContain(`job ${id} was deleted`);
  expect(await told(`delete from processing_runs where job_id = '${id}'`)).toContain("was deleted");
});
