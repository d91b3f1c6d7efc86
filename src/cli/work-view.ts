import type { FoldProgress } from "../jobs/fold-corpus.ts";
import type { WorkEvent } from "../jobs/work-events.ts";
import type { Attempt, JobEntry } from "../storage/port.ts";
import { drawOrtho } from "./grid.ts";
import type { Output } from "./output.ts";
import { progressBar, timeLeft } from "./progress.ts";
import { sparkline } from "./sparkline.ts";
import { formatBytes, formatCount, formatCounted, formatDuration, formatLarge } from "./text.ts";
import type { LogEntry } from "./work-log.ts";

/** Rates shown, one a sample. */
const SAMPLES = 40;
const SAMPLE_MS = 1_000;
const MOST_LOG_LINES = 200;
const LEAST_LOG_LINES = 4;

/** What does not change while a worker runs. */
export interface WorkerFacts {
  /** The name that the program was called by. */
  readonly program: string;
  readonly worker: string;
  readonly place: string;
  readonly merges: boolean;
  readonly isOneShot: boolean;
  readonly budget_bytes: number;
}

/** The live view of one worker: fed with events, asked for the lines of a frame. */
export class WorkView {
  private attempt: Attempt | null = null;
  /** Jobs of this worker: the one that is run, and those that are being handed over. */
  private readonly own = new Set<string>();
  private threads = 0;
  private started_ms = 0;
  private progress: (() => FoldProgress) | null = null;
  private jobs: readonly JobEntry[] = [];
  private readonly rates: number[] = [];
  private readonly log: string[] = [];
  private sample = { time_ms: 0, orthos: 0 };
  private done = 0;
  private orthos = 0;
  isStopping = false;

  constructor(
    private readonly facts: WorkerFacts,
    private readonly output: Output,
  ) {}

  /** Take notice of an event, and of its log line where it has one. */
  take(event: WorkEvent, entry: LogEntry | null, now_ms: number): void {
    if (entry !== null) this.addLine(entry);
    if (event.kind === "claimed") {
      this.attempt = event.attempt;
      this.threads = event.threads;
      this.started_ms = now_ms;
      this.progress = null;
      this.sample = { time_ms: now_ms, orthos: 0 };
      this.own.add(event.attempt.id);
    } else if (event.kind === "walking") {
      this.progress = event.progress;
    } else if (
      event.kind === "done" ||
      event.kind === "failed" ||
      event.kind === "lost" ||
      event.kind === "unpublished" ||
      event.kind === "returned"
    ) {
      this.own.delete(event.attempt.id);
      if (this.attempt?.id === event.attempt.id) {
        this.attempt = null;
        this.progress = null;
      }
      if (event.kind === "done") this.done++;
      if (event.kind === "done") this.orthos += event.archive.orthos;
    }
  }

  /** The jobs there are now. */
  setJobs(jobs: readonly JobEntry[]): void {
    this.jobs = jobs;
  }

  /** The lines of a frame. */
  frame(columns: number, rows: number, now_ms: number): string[] {
    const progress = this.progress?.() ?? null;
    this.measure(progress, now_ms);
    const top = [this.title(), "", ...this.jobLines(progress, now_ms), ...this.placeLines()];
    const bottom = ["", this.hint()];
    const grid = this.gridLines(progress, columns, rows - top.length - bottom.length - LEAST_LOG_LINES - 1);
    const left = rows - top.length - grid.length - bottom.length - 1;
    return [...top, ...grid, "", ...this.log.slice(-Math.max(0, left)), ...bottom];
  }

  private title(): string {
    const { program, worker, place, merges, isOneShot } = this.facts;
    const mode = [isOneShot ? "one job" : "until nothing is left", merges ? "then merging" : ""].filter(Boolean);
    return `${this.output.errorStyle("bold", `${program} work`)}  ${place}  ${worker}  (${mode.join(", ")})`;
  }

  private jobLines(progress: FoldProgress | null, now_ms: number): string[] {
    const { attempt } = this;
    if (attempt === null) return [this.row("job", "none"), "", ""];
    const elapsed_ms = now_ms - this.started_ms;
    const what = attempt.kind === "text" ? attempt.name : `merging ${attempt.name}`;
    const tries = attempt.number > 1 ? `, attempt ${attempt.number}` : "";
    const job = this.row("job", `${what}  (${formatCounted(this.threads, "thread")}${tries})`);
    if (progress === null) return [job, this.row("progress", `reading, ${formatDuration(elapsed_ms)}`), ""];
    const { share, orthos } = progress;
    const rest = timeLeft(share, elapsed_ms) ?? "";
    return [
      job,
      this.row("progress", `${progressBar(share)} ${Math.floor(share * 100)} %  ${rest}`),
      this.row("orthos", `${formatCount(orthos)}  ${formatLarge(this.rates.at(-1) ?? 0)}/s  ${sparkline(this.rates)}`),
    ];
  }

  private placeLines(): string[] {
    const count = (state: JobEntry["state"]) => this.jobs.filter((job) => job.state === state).length;
    const elsewhere = Math.max(0, count("running") - this.own.size);
    const jobs = [
      `${formatCount(this.done)} done here (${formatLarge(this.orthos)} orthos)`,
      `${formatCount(count("waiting"))} waiting`,
      `${formatCount(elsewhere)} running elsewhere`,
      `${formatCount(count("failed"))} failed`,
    ];
    const memory = `${formatBytes(process.memoryUsage.rss())} of ${formatBytes(this.facts.budget_bytes)}`;
    return [this.row("memory", memory), this.row("jobs", jobs.join(", "))];
  }

  private gridLines(progress: FoldProgress | null, columns: number, rows: number): string[] {
    const best = progress?.best;
    if (best === null || best === undefined || rows < 4) return [];
    const lines = drawOrtho(best.dims, best.words, columns - 2).map((line) => `  ${line}`);
    return ["", this.row("best", best.dims.join("x")), ...lines.slice(0, rows - 2)];
  }

  private hint(): string {
    const hint = this.isStopping ? "stopping safely; Ctrl-C leaves at once" : "q quits safely: what is done is kept";
    return this.output.errorStyle("dim", hint);
  }

  private row(label: string, value: string): string {
    return `${this.output.errorStyle("dim", label.padEnd(9))} ${value}`;
  }

  private measure(progress: FoldProgress | null, now_ms: number): void {
    const passed_ms = now_ms - this.sample.time_ms;
    if (progress === null || passed_ms < SAMPLE_MS) return;
    this.rates.push(((progress.orthos - this.sample.orthos) / passed_ms) * 1000);
    if (this.rates.length > SAMPLES) this.rates.shift();
    this.sample = { time_ms: now_ms, orthos: progress.orthos };
  }

  private addLine({ time, level, message }: LogEntry): void {
    const style = level === "error" ? "red" : level === "warn" ? "yellow" : null;
    const clock = time.toTimeString().slice(0, 8);
    this.log.push(`${clock}  ${style === null ? message : this.output.errorStyle(style, message)}`);
    if (this.log.length > MOST_LOG_LINES) this.log.shift();
  }
}
