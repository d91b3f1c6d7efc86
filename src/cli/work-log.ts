import type { WorkEvent, WorkSummary } from "../jobs/work-events.ts";
import { formatBytes, formatCount, formatCounted, formatDuration } from "./text.ts";

export type Level = "info" | "warn" | "error";

/** An event in words and as fields, for log lines and for the live view. */
export interface LogEntry {
  readonly time: Date;
  readonly level: Level;
  /** One word for programs. */
  readonly event: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, string | number | boolean | null>>;
}

/** What to log of an event; null for one that only moves a progress bar. */
export function logEntry(event: WorkEvent, time: Date): LogEntry | null {
  const described = describe(event);
  return described === null ? null : { time, event: event.kind, ...described };
}

function describe(event: WorkEvent): Omit<LogEntry, "time" | "event"> | null {
  switch (event.kind) {
    case "walking":
      return null;
    case "reclaimed":
      return say("info", `freed ${formatCounted(event.count, "job")} of lost workers`, { count: event.count });
    case "unfreed": {
      const { code, message, hint } = event.error;
      return say("warn", `a job of a lost worker could not be freed: ${message}`, { code, hint });
    }
    case "waiting":
      return say("info", `waiting for ${formatCounted(event.running.length, "job")} of other workers`, {
        running: event.running.length,
      });
    case "left": {
      const { job, need_bytes, budget_bytes } = event;
      const why = `it needs ${formatBytes(need_bytes)} of memory, more than ${formatBytes(budget_bytes)}`;
      return say("warn", `${job.name} is left to others: ${why}`, {
        job: job.id,
        name: job.name,
        need_bytes,
        budget_bytes,
      });
    }
    case "away": {
      const { code, message, hint } = event.error;
      return say("warn", `waiting for the storage: ${message}`, { code, hint });
    }
    case "back":
      return say("info", `the storage is there again after ${formatDuration(event.away_ms)}`, {
        away_ms: Math.round(event.away_ms),
      });
    default:
      return describeAttempt(event);
  }
}

type Other = "walking" | "reclaimed" | "unfreed" | "waiting" | "left" | "away" | "back";

type AttemptEvent = Exclude<WorkEvent, { readonly kind: Other }>;

function describeAttempt(event: AttemptEvent): Omit<LogEntry, "time" | "event"> | null {
  const { id, kind, name, number } = event.attempt;
  const job = { job: id, name, attempt: number };
  switch (event.kind) {
    case "claimed": {
      const { threads, need_bytes } = event;
      const what = kind === "text" ? `folding ${name}` : `merging ${name}`;
      const how = `${formatCounted(threads, "thread")}, up to ${formatBytes(need_bytes)} of memory`;
      return say("info", `${what} on ${how}`, { ...job, kind, threads, need_bytes });
    }
    case "smaller": {
      const { threads, budget_bytes } = event;
      const why = `all would need more memory than ${formatBytes(budget_bytes)}`;
      return say("warn", `only ${formatCounted(threads, "thread")}: ${why}`, { ...job, threads, budget_bytes });
    }
    case "planned": {
      const { tasks, resumed } = event;
      if (resumed === 0) return null;
      return say("info", `going on: ${formatCount(resumed)} of ${formatCounted(tasks, "task")} were done before`, {
        ...job,
        tasks,
        resumed,
      });
    }
    case "done": {
      const { archive, elapsed_ms } = event;
      return say("info", `${name}: ${formatCounted(archive.orthos, "ortho")} in ${formatDuration(elapsed_ms)}`, {
        ...job,
        archive: archive.name,
        orthos: archive.orthos,
        archive_bytes: archive.size_bytes,
        tar_sha256: archive.tar_sha256,
        elapsed_ms: Math.round(elapsed_ms),
      });
    }
    case "failed": {
      const { error, isPutAside } = event;
      const end = isPutAside ? "put aside" : "to be tried again";
      const { code, hint } = error;
      return say(isPutAside ? "error" : "warn", `${name} failed and was ${end}: ${error.message}`, {
        ...job,
        code,
        hint,
        put_aside: isPutAside,
      });
    }
    case "resting": {
      const { code, message, hint } = event.error;
      return say("warn", `${name} was given back, which is no failure of its own: ${message}`, { ...job, code, hint });
    }
    case "unpublished": {
      const { code, message, hint } = event.error;
      return say("error", message, { ...job, code, hint });
    }
    case "lost":
      return say("warn", `${name} is no longer this worker's`, job);
    case "missed":
      return say("warn", `${name}: a heartbeat did not arrive: ${event.message}`, job);
    case "returned":
      return say("info", `${name} waits again; what was done is ${event.keepsWork ? "kept" : "removed"}`, job);
  }
}

function say(level: Level, message: string, fields: LogEntry["fields"]): Omit<LogEntry, "time" | "event"> {
  return { level, message, fields };
}

/** A log line for people and programs: time, level, message, then the fields. */
export function formatLogLine({ time, level, event, message, fields }: LogEntry): string {
  const told = Object.entries({ event, ...fields }).map(([key, value]) => `${key}=${quoted(value)}`);
  return [time.toISOString(), level, JSON.stringify(message), ...told].join(" ");
}

function quoted(value: string | number | boolean | null): string {
  const text = String(value);
  return /^[\w.:+/@-]+$/.test(text) ? text : JSON.stringify(text);
}

/** The last line: what came of it all. */
export function summaryLine({ done, failed, lost, orthos }: WorkSummary): string {
  const parts = [`${formatCounted(done, "job")} done, ${formatCounted(orthos, "ortho")}`];
  if (failed > 0) parts.push(`${formatCounted(failed, "job")} put aside`);
  if (lost > 0) parts.push(`${formatCounted(lost, "job")} lost to other workers`);
  return parts.join("; ");
}
