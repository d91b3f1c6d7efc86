import { FoldError } from "../errors.ts";
import type { ReadOrder, ReadReport } from "./member-messages.ts";
import { readFrame } from "./read-frame.ts";

/** A thread that reads, decompresses and hashes the members of one archive, while another thread stores them. */

declare const self: Worker;

self.onmessage = ({ data: { file, path, body } }: MessageEvent<ReadOrder>) => {
  try {
    const member = readFrame(file, path, body);
    report({ kind: "read", member }, [member.frame.buffer as ArrayBuffer]);
  } catch (error) {
    const { code, message, hint } = error instanceof FoldError ? error : unknown(error);
    report({ kind: "failed", code, message, hint });
  }
};

function unknown(error: unknown): FoldError {
  const message = error instanceof Error ? error.message : String(error);
  return new FoldError("failed", message, "this is a mistake in fold: please report it");
}

function report(message: ReadReport, transfer: ArrayBuffer[] = []): void {
  self.postMessage(message, transfer);
}
