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

/** Sends the heartbeats of one worker, an attempt at a time, from a thread of its own. */
export class Heart {
  private readonly thread = startThread("jobs/heartbeat-worker");
  private attempt: Attempt | null = null;
  private progress = new Float64Array(new SharedArrayBuffer(16));

  constructor(storage: StorageConfig, interval_ms: number, events: HeartEvents) {
    this.thread.onmessage = ({ data }: MessageEvent<HeartReport>) => {
      const { attempt } = this;
      // What is told of an attempt that is over does not matter any more.
      if (attempt?.folder !== data.folder) return;
      if (data.kind === "lost") events.onLost(attempt);
      else events.onMissed(attempt, data.message);
    };
    // Without it a job would be given away in the middle; better it stops now.
    this.thread.onerror = (event) => {
      if (this.attempt === null) return;
      events.onMissed(this.attempt, event.message);
      events.onLost(this.attempt);
    };
    this.thread.unref();
    this.tell({ kind: "start", storage, interval_ms });
  }

  /** Begin with an attempt. */
  watch(attempt: Attempt): void {
    this.attempt = attempt;
    this.progress = new Float64Array(new SharedArrayBuffer(16));
    this.tell({ kind: "watch", attempt, progress: this.progress });
  }

  /** How far the attempt is, for its next heartbeat. */
  note({ share, orthos }: JobProgress): void {
    this.progress[PROGRESS_SHARE] = share;
    this.progress[PROGRESS_ORTHOS] = orthos;
  }

  /** The attempt is over. */
  rest(): void {
    if (this.attempt === null) return;
    this.attempt = null;
    this.tell({ kind: "rest" });
  }

  close(): void {
    this.thread.terminate();
  }

  private tell(order: HeartOrder): void {
    this.thread.postMessage(order);
  }
}
