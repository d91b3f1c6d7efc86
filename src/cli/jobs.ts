import type { Database } from "../db/database.ts";
import { getJob, listJobs } from "../db/list-jobs.ts";
import { listRuns, type RunRow } from "../db/list-runs.ts";
import type { JobRow, JobStatus } from "../db/rows.ts";
import { FoldError } from "../errors.ts";
import { withCloud } from "./cloud.ts";
import type { JobsFlags } from "./cloud-definitions.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import { reportOfJob, reportOfRun } from "./job-report.ts";
import { formatBytes, formatCount, formatDuration, formatTable } from "./text.ts";

const ALL: readonly JobStatus[] = ["pending", "processing", "failed", "completed"];

/** `fold jobs [JOB]`: the jobs of a fleet; of one, or of all of a name, every attempt. */
export async function execute({ parameters, flags }: CommandArguments<JobsFlags>, io: CommandIo): Promise<number> {
  const [wanted] = parameters;
  await withCloud(io, async (cloud) => {
    const database = await cloud.database();
    if (wanted === undefined) await printJobs(database, flags, io);
    else await printHistory(database, wanted, flags, io);
  });
  return 0;
}

async function printJobs(database: Database, { all, json }: JobsFlags, { output }: CommandIo): Promise<void> {
  const rows: string[][] = [];
  for (let after = 0; ; ) {
    const page = await listJobs(database, { after, ...(all ? { statuses: ALL } : {}) });
    if (page.length === 0) break;
    if (json) for (const job of page) output.json(reportOfJob(job));
    else rows.push(...page.map(rowOf));
    // However many there are, and however slow their reader is.
    await output.flush();
    after = page.at(-1)?.position ?? after;
  }
  if (json) return;
  if (rows.length === 0)
    output.note(all ? "there are no jobs" : "no job waits, runs or has failed; --all lists the rest");
  for (const line of formatTable(rows, "lllrl")) output.line(line);
}

/** Of the job of an id, else of those of a name: the shards of a text have one, and what was submitted again. */
async function printHistory(database: Database, wanted: string, flags: JobsFlags, io: CommandIo): Promise<void> {
  const one = await getJob(database, wanted);
  if (one !== null) return await printJob(database, one, flags, io);
  for (let after = 0; ; ) {
    const page = await listJobs(database, { name: wanted, statuses: ALL, after });
    for (const job of page) await printJob(database, job, flags, io);
    if (page.length === 0 && after === 0) {
      throw new FoldError("not_found", `there is no job ${wanted}`, "`fold jobs --all` lists them");
    }
    if (page.length === 0) return;
    after = page.at(-1)?.position ?? after;
  }
}

async function printJob(database: Database, job: JobRow, { json }: JobsFlags, { output }: CommandIo): Promise<void> {
  const runs = await listRuns(database, job.id);
  if (json) {
    output.json({ ...reportOfJob(job), runs: runs.map(reportOfRun) });
    return;
  }
  for (const line of formatTable([rowOf(job)], "lllrl")) output.line(line);
  for (const line of formatTable(runs.map(runRow), "lrlll")) output.line(`  ${line}`);
}

function rowOf(job: JobRow): string[] {
  const { id, status, name, size_bytes, options, workerId, progress, failure } = job;
  const { shard } = options;
  const part = shard === null ? name : `${name} ${shard.number}/${shard.of}`;
  const share = progress === null ? "" : `${Math.floor(progress.share * 100)} %, `;
  const what = status === "processing" ? `${share}${workerId}` : status === "completed" ? "" : (failure?.message ?? "");
  return [id, status, part, formatBytes(size_bytes), what];
}

function runRow({ attempt, workerId, outcome, started_ms, completed_ms, orthosProcessed, error }: RunRow): string[] {
  const took = completed_ms === null ? "" : formatDuration(completed_ms - started_ms);
  const orthos = orthosProcessed === null ? "" : `${formatCount(orthosProcessed)} orthos`;
  return [`attempt ${attempt}`, took, outcome ?? "under way", orthos, error ?? workerId ?? ""];
}
