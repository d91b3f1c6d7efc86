// How fast jobs are claimed, kept alive and completed: bun scripts/bench/claims.ts [--workers 10] [--jobs 10000]
// [--processes 2]. Needs DATABASE_URL (scripts/servers/postgres.sh up DIR); works in a database of its own, which it
// removes.
import { parseArgs } from "node:util";
import postgres from "postgres";
import { claimJob } from "../../src/db/claim-job.ts";
import { completeJob } from "../../src/db/complete-job.ts";
import { type Database, openDatabase } from "../../src/db/database.ts";
import { heartbeat } from "../../src/db/heartbeat.ts";
import { migrate } from "../../src/db/migrations.ts";
import type { ClaimedJob } from "../../src/db/rows.ts";
import { MOST_AT_ONCE, submitJobs } from "../../src/db/submit-jobs.ts";

const options = { max_dims: 2, min_volume: 1, shard: null } as const;

/** Times of single calls in ms, and how long all of them took. */
interface Times {
  readonly claim: number[];
  readonly heartbeat: number[];
  readonly complete: number[];
}

type Phase = keyof Times;

const { values } = parseArgs({
  options: {
    workers: { type: "string", default: "10" },
    jobs: { type: "string", default: "10000" },
    processes: { type: "string", default: "1" },
    child: { type: "string" },
  },
});

function archiveOf({ jobId, name }: ClaimedJob) {
  const tarSha256 = jobId.replaceAll("-", "").padEnd(64, "0");
  const s3Key = `archives/${crypto.randomUUID()}.tar.zst`;
  return { s3Key, name, orthoCount: 1, lineage: `"${name}"`, options, sentences_bytes: 1, size_bytes: 1, tarSha256 };
}

/** One worker: claims until nothing is left, then a heartbeat for each job, then completes them. */
async function work(database: Database, worker: string, barrier: (phase: Phase) => Promise<void>): Promise<Times> {
  const times: Times = { claim: [], heartbeat: [], complete: [] };
  const timed = async <T>(phase: Phase, call: () => Promise<T>): Promise<T> => {
    const started = performance.now();
    const result = await call();
    times[phase].push(performance.now() - started);
    return result;
  };
  const jobs: ClaimedJob[] = [];
  await barrier("claim");
  for (;;) {
    const job = await timed("claim", () => claimJob(database, { worker, scope: "batches" }));
    if (job === null) break;
    jobs.push(job);
  }
  await barrier("heartbeat");
  for (const job of jobs) await timed("heartbeat", () => heartbeat(database, job, { share: 0.5, orthos: 1 }));
  await barrier("complete");
  for (const job of jobs) await timed("complete", () => completeJob(database, job, archiveOf(job)));
  return times;
}

/** Some of the workers, in this process: begins each phase when told to on stdin, and prints what it took. */
async function runChild(count: number): Promise<void> {
  const url = process.env.DATABASE_URL!;
  const databases = await Promise.all(Array.from({ length: count }, () => openDatabase({ url, max: 1 })));
  await Promise.all(databases.map((database) => database.ask((sql) => sql`select 1`)));
  const lines = readLines(Bun.stdin.stream());
  const phases: Record<string, Promise<void>> = {};
  let arrived = 0;
  const barrier = (phase: Phase) => {
    arrived++;
    if (arrived % count === 0) console.log("ready");
    phases[phase] ??= (async () => {
      await lines.next();
    })();
    return phases[phase];
  };
  const times = await Promise.all(databases.map((database, i) => work(database, `${process.pid}-${i}`, barrier)));
  console.log(JSON.stringify(times));
  for (const database of databases) await database.close();
}

async function submitAll(url: string, count: number): Promise<number> {
  const database = await openDatabase({ url });
  await migrate(database);
  const started = performance.now();
  for (let at = 0; at < count; at += MOST_AT_ONCE) {
    const jobs = Array.from({ length: Math.min(MOST_AT_ONCE, count - at) }, (_, i) => {
      const name = `text ${at + i}`;
      const inputPath = `inputs/${name}.txt`;
      return { name, options, batch: null, family: null, dedupeKey: name, size_bytes: 1000, inputPath };
    });
    await submitJobs(database, jobs);
  }
  const elapsed_ms = performance.now() - started;
  await database.ask((sql) => sql`analyze`);
  await database.close();
  return elapsed_ms;
}

async function runChildren(url: string, workers: number, processes: number) {
  const children = Array.from({ length: processes }, (_, i) => {
    const share = Math.floor(((i + 1) * workers) / processes) - Math.floor((i * workers) / processes);
    const child = Bun.spawn([process.execPath, import.meta.path, "--child", String(share)], {
      env: { ...process.env, DATABASE_URL: url },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    return { child, lines: readLines(child.stdout) };
  });
  const next = () => Promise.all(children.map(async ({ lines }) => (await lines.next()).value ?? ""));
  const elapsed: number[] = [];
  let answers = await next();
  for (let phase = 0; phase < 3; phase++) {
    const started = performance.now();
    for (const { child } of children) {
      child.stdin.write("go\n");
      await child.stdin.flush();
    }
    answers = await next();
    elapsed.push(performance.now() - started);
  }
  // Whoever waits for more to be said does not end.
  for (const { child } of children) await child.stdin.end();
  await Promise.all(children.map(({ child }) => child.exited));
  return { elapsed, times: answers.flatMap((answer) => JSON.parse(answer) as Times[]) };
}

async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of stream) {
    text += decoder.decode(bytes, { stream: true });
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      yield text.slice(0, end);
      text = text.slice(end + 1);
    }
  }
}

function percentile(sorted: readonly number[], share: number): string {
  return `${sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))].toFixed(2)} ms`;
}

async function main(): Promise<void> {
  const server = process.env.DATABASE_URL;
  if (!server) throw new Error("DATABASE_URL is not set: scripts/servers/postgres.sh up DIR starts a server");
  const [jobs, workers, processes] = [Number(values.jobs), Number(values.workers), Number(values.processes)];
  const name = `fold_bench_${process.pid}`;
  const sql = postgres(server, { max: 1, onnotice: () => {} });
  await sql.unsafe(`create database ${name}`);
  try {
    const url = Object.assign(new URL(server), { pathname: `/${name}` }).href;
    const submit_ms = await submitAll(url, jobs);
    console.log(`submit     ${Math.round((1000 * jobs) / submit_ms)}/s, ${MOST_AT_ONCE} in one call`);
    const { elapsed, times } = await runChildren(url, workers, processes);
    for (const [i, phase] of (["claim", "heartbeat", "complete"] as const).entries()) {
      const sorted = times.flatMap((one) => one[phase]).sort((a, b) => a - b);
      const rate = Math.round((1000 * sorted.length) / elapsed[i]);
      const [p50, p99] = [percentile(sorted, 0.5), percentile(sorted, 0.99)];
      console.log(`${phase.padEnd(10)} ${rate}/s, p50 ${p50}, p99 ${p99} (${workers} workers, ${processes} processes)`);
    }
  } finally {
    await sql.unsafe(`drop database if exists ${name} with (force)`);
    await sql.end();
  }
}

if (values.child !== undefined) await runChild(Number(values.child));
else await main();
