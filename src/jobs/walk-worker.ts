import { failureOf } from "./walk-failure.ts";
import type { ChunkDone, WalkOrder, WalkReport } from "./walk-messages.ts";
import { walkTasks } from "./walk-tasks.ts";

/** A thread of the walk: walks one order after another, and reports what it finds. */

declare const self: Worker;

self.onmessage = ({ data }: MessageEvent<WalkOrder>) => {
  try {
    report({ kind: walkTasks(data, reportChunk) ? "end" : "stopped" });
  } catch (error) {
    report(failureOf(error));
  }
};

function reportChunk(done: ChunkDone): void {
  report(
    done,
    [done.bytes, done.frame].flatMap((bytes) => (bytes === null ? [] : [bytes.buffer as ArrayBuffer])),
  );
}

function report(message: WalkReport, transfer: ArrayBuffer[] = []): void {
  self.postMessage(message, transfer);
}
