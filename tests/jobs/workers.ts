// The loop of a worker in this process, on storages as they are.
import { mkdirSync, rmdirSync, rmSync } from "node:fs";
import type { WorkEvent } from "../../src/jobs/work-events.ts";
import type { WorkRequest } from "../../src/jobs/work-request.ts";
import type { StorageConfig } from "../../src/storage/create-storage.ts";
import { heartbeatPath } from "../../src/storage/local/work-folder.ts";
import type { Attempt } from "../../src/storage/port.ts";
import { type Place, usualOptions } from "../storage/place.ts";

/** A worker that is to be started, and all that it tells. */
export interface TestWorker {
  readonly request: WorkRequest;
  readonly events: WorkEvent[];
  /** Stop it, as Ctrl-C does. */
  stop(): void;
}

/** What a worker is told: to work off all texts of a place on one thread and end then, unless said otherwise. */
export function workerOn({ address }: Pick<Place, "address">, changes: Partial<WorkRequest> = {}): TestWorker {
  const stopped = new AbortController();
  const events: WorkEvent[] = [];
  const request: WorkRequest = {
    storage: JSON.parse(address) as StorageConfig,
    worker: "worker-1",
    options: usualOptions,
    merges: false,
    isOneShot: false,
    stays: false,
    jobId: null,
    threads: 1,
    budget_bytes: 1e9,
    heartbeat_ms: 60_000,
    partsAfter_ms: 0,
    signal: stopped.signal,
    ...changes,
    onEvent: (event) => {
      events.push(event);
      changes.onEvent?.(event);
    },
  };
  return { request, events, stop: () => stopped.abort() };
}

/** The kinds of what was told, but for progress. */
export function kindsOf(events: readonly WorkEvent[]): string[] {
  return events.map(({ kind }) => kind).filter((kind) => kind !== "walking" && kind !== "planned");
}

/** From now on heartbeats of an attempt in a state directory fail, until the returned function is called. */
export function failBeats(attempt: Attempt): () => void {
  const path = heartbeatPath(attempt.folder);
  for (;;) {
    rmSync(path, { force: true });
    try {
      mkdirSync(path);
      return () => rmdirSync(path);
    } catch {
      // A heartbeat came in between.
    }
  }
}
