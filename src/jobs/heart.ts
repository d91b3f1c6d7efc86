import type { StorageConfig } from "../storage/create-storage.ts";
import type { Attempt, JobProgress } from "../storage/port.ts";
import { startThread } from "../threads.ts";
import { type HeartOrder, type HeartReport, PROGRESS_ORTHOS, PROGRESS_SHARE } from "./heartbeat-messages.ts";

/** What may happen to an attempt that is watched. */
export interface HeartEvents {
  /** The attempt is no longer ours, or may not be for long: stop. */
  readonly onLost: (attempt: Attempt) => void;
  /** A heartbeat did not arrive. */
  readonly onMissed: (attempt: Attempt, message: string) => void;
}

/**
 * A job of so little text never keeps the main thread busy for long. Of such a job the thread of heartbeats is told late:
 * mostly the job is over by then.
 */
const SMALL_BYTES = 1_000_000;
const SMALL_AFTER_MS = 500;

/** An attempt that is watched. */
interface Watched {
  readonly attempt: Attempt;
  readonly progress: Float64Array;
  /** Set while the thread does not know of it. */
  timer: ReturnType<typeof setTimeout> | null;
}

/** Sends the heartbeats of a worker's attempts, from a thread of its own that is started when there is one to send. */
export class Heart {
  private thread: Worker | null = null;
  /** By the folders of the attempts. */
  private readonly watched = new Map<string, Watched>();

  constructor(
    private readonly storage: StorageConfig,
    private readonly interval_ms: number,
    private readonly events: HeartEvents,
  ) {}

  /** Begin with an attempt that was just claimed. */
  watch(attempt: Attempt): void {
    const progress = new Float64Array(new SharedArrayBuffer(16));
    const one: Watched = { attempt, progress, timer: null };
    this.watched.set(attempt.folder, one);
    const delay_ms = attempt.size_bytes < SMALL_BYTES ? Math.min(SMALL_AFTER_MS, this.interval_ms / 2) : 0;
    const tell = () => {
      one.timer = null;
      this.tell({ kind: "watch", attempt, progress, age_ms: delay_ms });
    };
    if (delay_ms > 0) one.timer = setTimeout(tell, delay_ms);
    else tell();
  }

  /** How far an attempt is, for its next heartbeat. */
  note({ folder }: Attempt, { share, orthos }: JobProgress): void {
    const progress = this.watched.get(folder)?.progress;
    if (progress === undefined) return;
    progress[PROGRESS_SHARE] = share;
    progress[PROGRESS_ORTHOS] = orthos;
  }

  /** An attempt is over. */
  rest({ folder }: Attempt): void {
    const one = this.watched.get(folder);
    if (one === undefined) return;
    this.watched.delete(folder);
    if (one.timer !== null) clearTimeout(one.timer);
    else this.thread?.postMessage({ kind: "rest", folder } satisfies HeartOrder);
  }

  close(): void {
    for (const { attempt } of [...this.watched.values()]) this.rest(attempt);
    this.thread?.terminate();
  }

  private tell(order: HeartOrder): void {
    this.thread ??= this.start();
    this.thread.postMessage(order);
  }

  private start(): Worker {
    const { storage, interval_ms } = this;
    const thread = startThread("jobs/heartbeat-worker");
    thread.onmessage = ({ data }: MessageEvent<HeartReport>) => this.hear(data);
    thread.onerror = ({ message }) => this.loseAll(message);
    thread.unref();
    thread.postMessage({ kind: "start", storage, interval_ms } satisfies HeartOrder);
    return thread;
  }

  private hear(report: HeartReport): void {
    const attempt = this.watched.get(report.folder)?.attempt;
    // What is told of an attempt that is over does not matter any more.
    if (attempt === undefined) return;
    if (report.kind === "lost") this.events.onLost(attempt);
    else this.events.onMissed(attempt, report.message);
  }

  /** The thread has ended. Without it jobs would be given away in the middle; better they stop now. */
  private loseAll(message: string): void {
    this.thread = null;
    for (const { attempt } of this.watched.values()) {
      this.events.onMissed(attempt, message);
      this.events.onLost(attempt);
    }
  }
}
