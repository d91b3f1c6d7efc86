import { FoldError } from "../errors.ts";
import type { ReadOrder, ReadReport } from "./member-messages.ts";
import { openSource, readFrame } from "./read-frame.ts";

/** A thread that reads, decompresses and hashes the members of one archive, while another thread stores them. */

declare const self: Worker;

let source: { readonly file: number; readonly path: string } | null = null;

self.onmessage = ({ data }: MessageEvent<ReadOrder>) => {
  try {
    if (data.kind === "open") {
      source = { path: data.path, file: openSource(data.path) };
    } else if (source !== null) {
      const member = readFrame(source.file, source.path, data.body);
      report({ kind: "read", member }, [member.frame.buffer as ArrayBuffer]);
    }
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
