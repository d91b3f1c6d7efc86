import type { ChunkHead, ChunkPlace } from "../archive/chunk.ts";
import type { Ortho } from "../core/optimal.ts";
import type { ShapeCounts } from "../core/shapes.ts";
import { readSpilled, type SpilledChunk } from "./spill.ts";
import type { ChunkDone } from "./walk-messages.ts";

/** Chunks may wait in memory for their turn up to so many bytes; beyond, they are read back from the work folder. */
const WAITING_LIMIT_BYTES = 48 << 20;

/** What the archive needs to know of a chunk beside its bytes. */
export type QueuedHead = Pick<ChunkHead, "orthos" | "shapes" | "optimal" | "start">;

export interface ChunkQueueEvents {
  /** A chunk is done, in no order. */
  onChunk(chunk: { orthos: number; shapes: ShapeCounts; optimal: Ortho | null }): void;
  /** All chunks of a task are done, in no order. */
  onTaskDone(task: number): void;
  /** The next chunk that holds orthos, in the order of the walk. */
  onNext(head: QueuedHead, bytes: Uint8Array, frame: Uint8Array): void;
}

/** A chunk that waits for its turn: its bytes, or where they are. */
interface Waiting {
  readonly isLast: boolean;
  readonly orthos: number;
  readonly shapes: ShapeCounts;
  readonly optimal: Ortho | null;
  readonly start: ChunkPlace;
  readonly kept: { readonly bytes: Uint8Array; readonly frame: Uint8Array } | SpilledChunk | null;
}

/** Brings the chunks of many threads, and of runs before, into the order of the walk. */
export class ChunkQueue {
  private readonly waiting = new Map<number, Waiting[]>();
  private nextTask = 0;
  private waitingBytes = 0;

  /** @param tasks numbers of all tasks, in the order of the walk */
  constructor(
    private readonly tasks: readonly number[],
    private readonly events: ChunkQueueEvents,
  ) {}

  /** A chunk just walked. */
  put(done: ChunkDone): void {
    const { bytes, frame, task, isLast, spilled } = done;
    let kept: Waiting["kept"] = null;
    if (bytes !== null && frame !== null) {
      const isNext = task === this.tasks[this.nextTask];
      if (isNext || spilled === null || this.waitingBytes < WAITING_LIMIT_BYTES) {
        kept = { bytes, frame };
        this.waitingBytes += bytes.length + frame.length;
      } else {
        kept = spilled;
      }
    }
    this.add(task, { ...done, kept }, isLast);
  }

  /** A chunk that a run before has walked. */
  putSpilled(spilled: SpilledChunk): void {
    const read = readSpilled(spilled);
    const chunk = read?.chunk ?? { orthos: 0, shapes: {}, optimal: null, start: { origin: "", second: "", square: 0 } };
    const { orthos, shapes, optimal, start } = chunk;
    const isLast = spilled.next === null;
    this.add(spilled.task, { isLast, orthos, shapes, optimal, start, kept: read === null ? null : spilled }, isLast);
  }

  private add(task: number, chunk: Waiting, isLast: boolean): void {
    const list = this.waiting.get(task) ?? [];
    list.push(chunk);
    this.waiting.set(task, list);
    this.events.onChunk(chunk);
    if (isLast) this.events.onTaskDone(task);
    this.drain();
  }

  /** Hand on what is due: the chunks of the next task, as far as they are there. */
  private drain(): void {
    while (this.nextTask < this.tasks.length) {
      const task = this.tasks[this.nextTask];
      const list = this.waiting.get(task);
      if (list === undefined) return;
      for (let chunk = list.shift(); chunk !== undefined; chunk = list.shift()) {
        this.handOn(chunk);
        if (!chunk.isLast) continue;
        this.waiting.delete(task);
        this.nextTask++;
      }
      if (this.waiting.has(task)) return;
    }
  }

  private handOn({ kept, orthos, shapes, optimal, start }: Waiting): void {
    if (kept === null || optimal === null) return;
    const head = { orthos, shapes, optimal, start };
    if ("bytes" in kept) {
      this.waitingBytes -= kept.bytes.length + kept.frame.length;
      this.events.onNext(head, kept.bytes, kept.frame);
      return;
    }
    const read = readSpilled(kept);
    if (read !== null) this.events.onNext(head, read.bytes, read.frame);
  }
}
