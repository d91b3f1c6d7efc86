// Connections break: between statement and answer, in the middle, again and again. What was to be done is done once.
import { expect, test } from "bun:test";
import { abandonJob } from "../../src/db/abandon-job.ts";
import { cancelJob } from "../../src/db/cancel-job.ts";
import { claimMerge } from "../../src/db/claim-merge.ts";
import { completeJob } from "../../src/db/complete-job.ts";
import { deleteArchive } from "../../src/db/delete-archive.ts";
import { failJob } from "../../src/db/fail-job.ts";
import { heartbeat } from "../../src/db/heartbeat.ts";
import { getArchive } from "../../src/db/list-archives.ts";
import { getJob } from "../../src/db/list-jobs.ts";
import { listRuns } from "../../src/db/list-runs.ts";
import { reclaimStale } from "../../src/db/reclaim-stale.ts";
import { retryJob } from "../../src/db/retry-job.ts";
import { submitJobs } from "../../src/db/submit-jobs.ts";
import { Claims } from "../../src/storage/cloud/claims.ts";
import { cutProxy, type Mode } from "../support/cut-proxy.ts";
import { asOwner, connect, newDatabase } from "../support/database.ts";
import { archiveOf, broken, claim, codeOf, failure, MAX_ATTEMPTS, newJob, publish, submit, usual } from "./fixtures.ts";

test("an answer that is lost on its way: each call finds out that it was carried out", async () => {
  const url = await newDatabase();
  const proxy = cutProxy(url);
  const database = await connect(proxy.url, { max: 1 });
  const cut = async <T>(call: () => Promise<T>): Promise<T> => {
    const before = proxy.cuts;
    // A connection that is there already, so that it is the call's own answer which is lost.
    await getJob(database, crypto.randomUUID());
    proxy.mode = "cut";
    const result = await call();
    expect(proxy.cuts).toBe(before + 1);
    expect(await broken(database)).toEqual([]);
    return result;
  };
  const [{ id, isNew }] = await cut(() => submitJobs(database, [newJob("book")]));
  expect(isNew).toBe(true);
  const first = await cut(() => claim(database));
  expect([first.jobId, first.attempt]).toEqual([id, 1]);
  await cut(() => heartbeat(database, first, { share: 0.5, orthos: 1 }));
  await cut(() => abandonJob(database, first));
  expect(await cut(async () => await failJob(database, await claim(database), failure, true, MAX_ATTEMPTS))).toBe(true);
  expect(await cut(() => retryJob(database, id))).toBe(true);
  await cut(() => cancelJob(database, id));
  await retryJob(database, id);
  const last = await claim(database);
  const done = await cut(() => completeJob(database, last, archiveOf(last)));
  expect([done.name, done.isNew, last.attempt]).toEqual(["book", true, 3]);
  expect(await codeOf(completeJob(database, last, archiveOf(last)))).toBe("lease_lost");
  await publish(database, "other", 20);
  const merge = await cut(() => claimMerge(database, { worker: "w", options: null, scope: "all" }));
  expect(merge?.archives.length).toBe(2);
  const union = await cut(() => completeJob(database, merge!, archiveOf(merge!)));
  await cut(() => deleteArchive(database, union.id));
  expect(await getArchive(database, union.id)).toBeNull();
  expect((await listRuns(database, id)).map(({ outcome }) => outcome)).toEqual([
    "completed",
    "retried",
    "cancelled",
    "retried",
    "put_aside",
    "abandoned",
  ]);
});

test("a merge that is over, and the answer is lost: it is decided once", async () => {
  const proxy = cutProxy(await newDatabase());
  const database = await connect(proxy.url, { max: 1 });
  const [one] = [await publish(database, "one", 10), await publish(database, "two", 20)];
  const merge = (await claimMerge(database, { worker: "w", options: null, scope: "all" }))!;
  await failJob(database, merge, failure, true, MAX_ATTEMPTS);
  await deleteArchive(database, one.id);
  proxy.mode = "cut";
  expect(await retryJob(database, merge.jobId)).toBe(false);
  const outcomes = (await listRuns(database, merge.jobId)).map(({ outcome }) => outcome);
  expect([proxy.cuts, outcomes]).toEqual([1, ["cancelled", "put_aside"]]);
});

test("a job that cannot be tried again is not told to wait because a connection broke", async () => {
  const url = await newDatabase();
  const proxy = cutProxy(url);
  const database = await connect(proxy.url, { max: 1 });
  const [done, waiting] = await submit(database, "done", "waiting");
  const job = await claim(database, "w", done);
  await failJob(database, job, failure, true, MAX_ATTEMPTS);
  await retryJob(database, done);
  const again = await claim(database, "w", done);
  await completeJob(database, again, archiveOf(again));
  await asOwner(async (sql) => {
    for (const id of [done, waiting, crypto.randomUUID()]) {
      const { code } = await sql.begin(async (tx) => {
        await tx`lock table jobs in access exclusive mode`;
        const isHeldUp = async () => {
          const waiting = await tx`
            select from pg_locks l join pg_database d on d.oid = l.database
            where not l.granted and l.relation = 'jobs'::regclass and d.datname = current_database()`;
          return waiting.length > 0;
        };
        const code = codeOf(retryJob(database, id));
        while (!(await isHeldUp())) await Bun.sleep(5);
        proxy.drop();
        return { code };
      });
      expect(await code).toBe("not_found");
    }
  }, url);
});

test("a failure whose answer is lost counts once", async () => {
  const proxy = cutProxy(await newDatabase());
  const database = await connect(proxy.url, { max: 1 });
  const [id] = await submit(database, "book");
  const job = await claim(database);
  proxy.mode = "cut";
  expect(await failJob(database, job, failure, false, MAX_ATTEMPTS)).toBe(false);
  expect([proxy.cuts, (await getJob(database, id))?.retryCount]).toEqual([1, 1]);
  await claim(database);
  proxy.mode = "cut";
  expect(await codeOf(reclaimStale(database, -1_000, MAX_ATTEMPTS))).toBe("unreachable");
  expect(await reclaimStale(database, -1_000, MAX_ATTEMPTS)).toBe(0);
  expect((await getJob(database, id))?.retryCount).toBe(2);
});

test.each([
  ["soon", { reply_ms: 300 }],
  // Whoever waited for so long must still learn what became of it.
  ["only after longer than patience lasts", { reply_ms: 1_000, patience_ms: 500 }],
])("nobody answers any more: the connection counts as lost %s, and a new one goes on", async (_, times) => {
  const proxy = cutProxy(await newDatabase());
  const database = await connect(proxy.url, { max: 1, ...times });
  const [id] = await submit(database, "book");
  proxy.mode = "silence";
  const claimed = claim(database);
  while (proxy.swallowed === 0) await Bun.sleep(1);
  proxy.mode = "pass";
  expect((await claimed).jobId).toBe(id);
  expect((await listRuns(database, id)).map(({ outcome }) => outcome)).toEqual([null]);
});

test.each([0, 1, 2, 3, 4, 5, 6, 7])(
  "the server hangs up just before a question, %d turns of the loop earlier: it is asked on a new connection",
  async (turns) => {
    const proxy = cutProxy(await newDatabase());
    const database = await connect(proxy.url, { max: 1, patience_ms: 2_000 });
    const [id] = await submit(database, "book");
    proxy.drop();
    for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
    expect((await getJob(database, id))?.name).toBe("book");
  },
);

test("a server that hangs up on who is idle has refused nothing", async () => {
  const url = await newDatabase();
  await asOwner((sql) =>
    sql.unsafe(`alter database ${new URL(url).pathname.slice(1)} set idle_session_timeout = '5ms'`),
  );
  const database = await connect(url, { max: 1 });
  const [id] = await submit(database, "book");
  for (let i = 0; i < 100; i++) {
    await Bun.sleep(4 + Math.random() * 2);
    expect((await getJob(database, id))?.name).toBe("book");
  }
});

test("a statement that the server has no time for is tried again, and counts as no answer in the end", async () => {
  const url = await newDatabase();
  await asOwner((sql) =>
    sql.unsafe(`alter database ${new URL(url).pathname.slice(1)} set statement_timeout = '100ms'`),
  );
  const database = await connect(url, { max: 1 });
  const impatient = await connect(url, { max: 1, patience_ms: 0 });
  await submit(database, "book");
  const job = await claim(database);
  const heldBack = await asOwner(async (sql) => {
    const completed = Promise.withResolvers<Awaited<ReturnType<typeof completeJob>>>();
    await sql.begin(async (tx) => {
      await tx`select from jobs where id = ${job.jobId} for update`;
      expect(await codeOf(completeJob(impatient, job, archiveOf(job)))).toBe("unreachable");
      completed.resolve(completeJob(database, job, archiveOf(job)));
      await Bun.sleep(300);
    });
    return await completed.promise;
  }, url);
  expect(heldBack.name).toBe("book");
});

test("the first try comes to its end while the second is under way, which finds its place taken", async () => {
  const database = await connect(await newDatabase(), { max: 1 });
  let looks = 0;
  const done = await database.do<string>({
    run: async (sql) => {
      await sql`insert into archives (id, s3_key, name, ortho_count, lineage, options, sentences_bytes, size_bytes, tar_sha256)
        values (gen_random_uuid(), 'key', 'book', 1, '"book"', ${sql.json(usual as never)}, 1, 1, ${"a".repeat(64)})`;
      throw Object.assign(new Error("cut"), { code: "ECONNRESET" });
    },
    // Not yet, as far as could be seen.
    find: async () => (looks++ === 0 ? null : "done"),
  });
  expect(done).toBe("done");
});

test("patience ends, and says so", async () => {
  const proxy = cutProxy(await newDatabase());
  const database = await connect(proxy.url, { max: 1, reply_ms: 3_000, patience_ms: 1_000 });
  await submit(database, "book");
  proxy.mode = "silence";
  expect(await codeOf(claim(database))).toBe("unreachable");
  proxy.mode = "pass";
  expect((await claim(database)).name).toBe("book");
});

test("a backend is killed at any moment of each job, and the pool is of one", async () => {
  const url = await newDatabase();
  const database = await connect(url, { max: 1 });
  const name = new URL(url).pathname.slice(1);
  const names = Array.from({ length: 40 }, (_, i) => `text ${i}`);
  await submit(database, ...names);
  const completed: string[] = [];
  let kills = 0;
  await asOwner(async (sql) => {
    for (const _ of names) {
      const killing = (async () => {
        await Bun.sleep(Math.random() * 10);
        kills += (await sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`).length;
      })();
      const job = await claim(database);
      await heartbeat(database, job, null);
      completed.push((await completeJob(database, job, archiveOf(job))).name);
      await killing;
    }
  });
  expect(kills).toBeGreaterThan(0);
  expect(completed).toEqual(names);
  expect(await broken(database)).toEqual([]);
});

test("a claim whose answer is lost, and the database with it for longer than anybody's patience: the next finds it", async () => {
  const url = await newDatabase();
  const proxy = cutProxy(url);
  const database = await connect(proxy.url, { max: 1, patience_ms: 50, reply_ms: 200 });
  const claims = new Claims();
  const options = { max_dims: 2, min_volume: 1, shard: null };
  const wanted = { worker: "w", options, merges: true };
  const next = () => claims.next(database, wanted);
  const unheard = async (mode: Mode) => {
    await getJob(database, crypto.randomUUID());
    proxy.mode = mode;
    expect(await codeOf(next())).toBe("unreachable");
    proxy.mode = "pass";
  };
  const [first] = await submit(database, "first", "second");
  await unheard("end");
  // Somebody else asks for a certain job in between: the lost claim is none of his.
  expect(await claims.next(database, { ...wanted, id: crypto.randomUUID() })).toBeNull();
  expect(await next()).toMatchObject({ jobId: first, attempt: 1 });
  expect(await next()).toMatchObject({ name: "second" });
  expect(await next()).toBeNull();
  await publish(await connect(url), "one", 10);
  await publish(await connect(url), "two", 20);
  // A claim of a text and two questions come before the statement that makes a merge.
  proxy.passing = 3;
  await unheard("end");
  expect(proxy.passing).toBe(0);
  expect(await next()).toMatchObject({ jobType: "archive_merge", attempt: 1 });
  // Nothing was carried out: the one after it claims as ever.
  await unheard("silence");
  expect(await next()).toBeNull();
  expect(await broken(database)).toEqual([]);
});

test("lost jobs are not freed by what was asked before an outage: their workers were cut off, too", async () => {
  const url = await newDatabase();
  const proxy = cutProxy(url);
  const database = await connect(proxy.url, { max: 1, reply_ms: 200 });
  await submit(database, "book");
  const job = await claim(database);
  proxy.mode = "silence";
  const freed = codeOf(reclaimStale(database, 0, MAX_ATTEMPTS));
  await Bun.sleep(300);
  proxy.mode = "pass";
  expect(await freed).toBe("unreachable");
  await heartbeat(database, job, null);
});
