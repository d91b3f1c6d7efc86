import { FoldError } from "../errors.ts";
import type { ChunkDone, WalkOrder, WalkReport } from "./walk-messages.ts";
import { walkTasks } from "./walk-tasks.ts";

/** A thread of the walk: walks one order after another, and reports what it finds. */

declare const self: Worker;

self.onmessage = ({ data }: MessageEvent<WalkOrder>) => {
  try {
    report({ kind: walkTasks(data, reportChunk) ? "end" : "stopped" });
  } catch (error) {
    report(describe(error));
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

function describe(error: unknown): WalkReport {
  if (error instanceof FoldError) {
    return { kind: "failed", code: error.code, message: error.message, hint: error.hint };
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { kind: "failed", code: "failed", message, hint: "this is a mistake in fold: please report it" };
}
