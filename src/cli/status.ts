import { FoldError } from "../errors.ts";
import { pause } from "../jobs/pause.ts";
import type { ArchiveEntry, DamagedArchive, JobEntry, Storage } from "../storage/port.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import type { StatusFlags } from "./job-definitions.ts";
import { withStorage } from "./job-storage.ts";
import { Screen } from "./screen.ts";
import { formatBytes, formatCount, formatDuration, formatTable, shortLineage } from "./text.ts";

/** So many waiting jobs and archives are listed; --json has all. */
const MOST_LISTED = 20;
const WATCH_MS = 2_000;

/** What is in a storage at one moment. */
export interface Status {
  readonly place: string;
  readonly jobs: readonly JobEntry[];
  readonly archives: readonly ArchiveEntry[];
  readonly damaged: readonly DamagedArchive[];
}

/** `fold status`: the jobs of a storage. */
export async function execute({ flags }: CommandArguments<StatusFlags>, io: CommandIo): Promise<number> {
  return await withStorage(flags, io, async (storage) => {
    if (!flags.watch) {
      show(await statusOf(storage), flags, io);
      return 0;
    }
    if (flags.json || !io.output.isErrorTerminal) return await watchLines(storage, flags, io);
    return await watchScreen(storage, io);
  });
}

async function statusOf(storage: Storage): Promise<Status> {
  const [jobs, archives] = [await storage.listJobs(), await storage.listArchives()];
  return { place: storage.place, jobs, archives, damaged: await storage.listDamaged() };
}

function show(status: Status, { json }: StatusFlags, { output }: CommandIo): void {
  const { place, jobs, archives } = status;
  const damaged = status.damaged.map(({ name, error: { code, message } }) => ({ name, code, message }));
  if (json) output.json({ place, ...countsOf(status), jobs, archives, damaged });
  else for (const line of statusLines(status)) output.line(output.named(line));
}

/** One report after the other, whenever something has changed. */
async function watchLines(storage: Storage, flags: StatusFlags, io: CommandIo): Promise<number> {
  let last = "";
  while (!io.signal.aborted) {
    const status = await statusOf(storage);
    const text = JSON.stringify(status);
    if (text !== last) show(status, flags, io);
    last = text;
    // Nobody watches any more: `fold status --watch | head`. Without waiting for it that would show at the end only.
    await io.output.flush();
    await pause(WATCH_MS, io.signal);
  }
  throw stopped();
}

/** On a terminal: drawn again and again, until a key ends it. */
async function watchScreen(storage: Storage, { output, signal }: CommandIo): Promise<number> {
  const current = async () => statusLines(await statusOf(storage)).map((line) => output.named(line));
  let lines = await current();
  const quit = new AbortController();
  const screen = new Screen(
    output,
    WATCH_MS / 4,
    (_, rows) => [...lines.slice(0, rows - 2), "", output.errorStyle("dim", "q quits")],
    () => quit.abort(),
  );
  try {
    while (!quit.signal.aborted && !signal.aborted) {
      lines = await current();
      await pause(WATCH_MS, AbortSignal.any([quit.signal, signal]));
    }
  } finally {
    screen.close();
  }
  if (signal.aborted) throw stopped();
  return 0;
}

function stopped(): FoldError {
  return new FoldError("interrupted", "stopped watching", "the workers go on");
}

function countsOf({ jobs, archives }: Status) {
  const count = (state: JobEntry["state"]) => jobs.filter((job) => job.state === state).length;
  return { waiting: count("waiting"), running: count("running"), done: archives.length, failed: count("failed") };
}

/** A status for people. */
export function statusLines(status: Status): string[] {
  const { waiting, running, done, failed } = countsOf(status);
  const counts = [
    `${formatCount(waiting)} waiting`,
    `${formatCount(running)} running`,
    `${formatCount(done)} done`,
    `${formatCount(failed)} failed`,
  ];
  const of = (state: JobEntry["state"]) => status.jobs.filter((job) => job.state === state);
  return [
    `${status.place}: ${counts.join(", ")}`,
    ...section("running", of("running").map(runningRow), "llrrrl"),
    ...section("failed", of("failed").map(failedRow), "lll"),
    ...section("waiting", of("waiting").map(waitingRow), "llr"),
    ...section(
      "cannot be read",
      status.damaged.map(({ name, error }) => [name, error.message]),
      "ll",
    ),
    ...section("done", status.archives.map(doneRow), "lrrl"),
  ];
}

function section(title: string, rows: readonly (readonly string[])[], align: string): string[] {
  if (rows.length === 0) return [];
  const listed = formatTable(rows.slice(0, MOST_LISTED), align).map((line) => `  ${line}`);
  const more = rows.length - MOST_LISTED;
  return ["", title, ...listed, ...(more > 0 ? [`  and ${formatCount(more)} more`] : [])];
}

function runningRow({ id, name, progress, worker, heartbeat_age_ms }: JobEntry): string[] {
  const share = progress === null ? "started" : `${Math.floor(progress.share * 100)} %`;
  const orthos = progress === null ? "" : `${formatCount(progress.orthos)} orthos`;
  const heard = heartbeat_age_ms === null ? "" : `heard of ${formatDuration(heartbeat_age_ms)} ago`;
  return [id, name, share, orthos, heard, worker ?? ""];
}

function failedRow({ id, name, failure }: JobEntry): string[] {
  return [id, name, failure === null ? "" : `${failure.message}; ${failure.hint}`];
}

function waitingRow({ id, name, size_bytes, failures }: JobEntry): string[] {
  return [id, name, formatBytes(size_bytes), failures === 0 ? "" : `failed ${failures} times`];
}

function doneRow({ name, orthos, size_bytes, lineage }: ArchiveEntry): string[] {
  return [name, `${formatCount(orthos)} orthos`, formatBytes(size_bytes), shortLineage(lineage)];
}
