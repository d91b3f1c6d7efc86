import { join } from "node:path";
import type { WorkConfig } from "../config.ts";
import { FoldError } from "../errors.ts";
import { memoryToGive, usualBudget } from "../jobs/memory.ts";
import type { WorkEvent, WorkSummary } from "../jobs/work-events.ts";
import type { WorkRequest } from "../jobs/work-request.ts";
import { work } from "../jobs/worker.ts";
import { createStorage, type StorageConfig } from "../storage/create-storage.ts";
import type { CommandIo } from "./command.ts";
import { reachDatabase } from "./first-contact.ts";
import { LogFile } from "./log-file.ts";
import { Screen } from "./screen.ts";
import { formatBytes, formatCounted } from "./text.ts";
import { formatLogLine, logEntry, summaryLine } from "./work-log.ts";
import { WorkView } from "./work-view.ts";

const FRAME_MS = 200;
/** How often the live view counts the jobs. */
const COUNT_MS = 2_000;
const RANDOM_CHARACTERS = 8;

/** What a worker is told, by whichever command. */
export interface WorkerFlags {
  readonly mode: "continuous" | "one-shot";
  readonly jobId: string | null;
  readonly merge: boolean;
  readonly maxDims: number | null;
  readonly threads: number;
  readonly memory: number | null;
  readonly stay: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** Work off the jobs of a storage; the exit code. */
export async function runWorker(
  storage: StorageConfig,
  config: WorkConfig,
  flags: WorkerFlags,
  io: CommandIo,
): Promise<number> {
  await reachDatabase(storage, io);
  const { workerId, heartbeat_ms, partsAfter_ms } = config;
  const worker = `${workerId}-${crypto.randomUUID().slice(0, RANDOM_CHARACTERS)}`;
  const quit = new AbortController();
  const shown = isLive(flags, io) ? liveView(flags, io, worker, storage, quit) : logLines(flags, io);
  const log = logFile(storage, worker);
  const request: WorkRequest = {
    storage,
    worker,
    options: { max_dims: flags.maxDims, min_volume: 1, shard: null },
    merges: flags.merge,
    isOneShot: flags.mode === "one-shot",
    stays: flags.stay,
    jobId: flags.jobId,
    threads: flags.threads,
    budget_bytes: flags.memory ?? usualBudget(),
    heartbeat_ms,
    partsAfter_ms,
    signal: AbortSignal.any([io.signal, quit.signal]),
    onEvent: (event) => {
      const entry = logEntry(event, new Date());
      if (entry !== null) log?.add(entry);
      shown.take(event, entry);
      if (flags.json) printJson(event, io);
    },
  };
  let summary: WorkSummary;
  try {
    summary = await work(request);
  } finally {
    await shown.close();
  }
  return conclude(summary, request, flags, io);
}

/** Beside the jobs, where these are on this machine; elsewhere whoever starts workers keeps what they say. */
function logFile(storage: StorageConfig, worker: string): LogFile | null {
  return storage.backend === "local" ? new LogFile(join(storage.stateDir, "logs"), worker, new Date()) : null;
}

/** What shows the work to people while it goes on. */
interface Shown {
  take(event: WorkEvent, entry: ReturnType<typeof logEntry>): void;
  close(): void | Promise<void>;
}

function isLive({ quiet, json }: WorkerFlags, { output }: CommandIo): boolean {
  return !quiet && !json && output.isErrorTerminal;
}

function logLines({ quiet }: WorkerFlags, { output }: CommandIo): Shown {
  return {
    take: (_, entry) => {
      if (entry !== null && !quiet) output.note(formatLogLine(entry));
    },
    close: () => {},
  };
}

function liveView(
  flags: WorkerFlags,
  { output, signal, program }: CommandIo,
  worker: string,
  storage: StorageConfig,
  quit: AbortController,
): Shown {
  const jobs = createStorage(storage);
  const view = new WorkView(
    {
      program,
      worker,
      place: jobs.place,
      merges: flags.merge,
      isOneShot: flags.mode === "one-shot",
      budget_bytes: flags.memory ?? usualBudget(),
    },
    output,
  );
  const count = async () => view.setJobs(await jobs.listJobs());
  // What is only shown may fail; the worker meets the same trouble and tells it.
  const counting = setInterval(() => count().catch(() => {}), COUNT_MS);
  count().catch(() => {});
  const screen = new Screen(
    output,
    FRAME_MS,
    (columns, rows) => {
      view.isStopping = quit.signal.aborted || signal.aborted;
      return view.frame(columns, rows, performance.now());
    },
    () => quit.abort(),
  );
  return {
    take: (event, entry) => view.take(event, entry, performance.now()),
    close: async () => {
      clearInterval(counting);
      screen.close();
      await jobs.close();
    },
  };
}

function printJson(event: WorkEvent, { output }: CommandIo): void {
  if (event.kind === "done") {
    const { attempt, archive, elapsed_ms } = event;
    const { id, kind, name, number } = attempt;
    output.json({
      event: "done",
      job: id,
      kind,
      name,
      attempt: number,
      archive: archive.name,
      lineage: archive.lineage,
      orthos: archive.orthos,
      archive_bytes: archive.size_bytes,
      tar_sha256: archive.tar_sha256,
      elapsed_ms: Math.round(elapsed_ms),
    });
  } else if (event.kind === "failed") {
    const { attempt, error, isPutAside } = event;
    const { id, kind, name, number } = attempt;
    const { code, message, hint } = error;
    output.json({ event: "failed", job: id, kind, name, attempt: number, put_aside: isPutAside, code, message, hint });
  }
}

/** The end of the loop: what came of it, and the exit code. */
function conclude(summary: WorkSummary, request: WorkRequest, flags: WorkerFlags, { output }: CommandIo): number {
  const { done, failed, lost, orthos, tooLarge, unmerged } = summary;
  const unreadable = summary.unreadable.map(({ name }) => name);
  const too_large = tooLarge.map(({ id }) => id);
  if (flags.json) output.json({ event: "end", done, failed, lost, orthos, too_large, unmerged, unreadable });
  else if (!flags.quiet) output.line(summaryLine(summary));
  // One that stays has no other end.
  if (request.signal.aborted && !request.stays) {
    throw new FoldError(
      "interrupted",
      "stopped before the end",
      "start the worker again: it goes on with what is left, and from what was done",
    );
  }
  const problems = problemsOf(summary, request.budget_bytes);
  if (problems.length === 0) return 0;
  const isAlone = request.storage.backend === "spaces";
  const retry = isAlone ? "the same command tries again" : "`fold status` tells why; `fold retry` tries again";
  const more = tooLarge.length === 0 ? "more --memory" : `--memory ${memoryToGive(tooLarge)} or more`;
  const hint = failed > 0 ? retry : `give ${more}${isAlone ? "" : ", or look at `fold status`"}`;
  throw new FoldError("partial", problems.join("; "), hint);
}

/** What was to be done and is not. */
function problemsOf({ failed, tooLarge, unmerged, unreadable }: WorkSummary, budget_bytes: number): string[] {
  const problems: string[] = [];
  if (failed > 0)
    problems.push(`${formatCounted(failed, "job")} failed and ${failed === 1 ? "was" : "were"} put aside`);
  if (tooLarge.length > 0) {
    problems.push(`${formatCounted(tooLarge.length, "job")} would need more memory than ${formatBytes(budget_bytes)}`);
  }
  if (unmerged > 0) problems.push(`${formatCounted(unmerged, "archive")} could not all be merged`);
  if (unreadable.length > 0) {
    const names = unreadable.map(({ name }) => name).join(", ");
    problems.push(`${formatCounted(unreadable.length, "archive")} could not be read and is not merged: ${names}`);
  }
  return problems;
}
