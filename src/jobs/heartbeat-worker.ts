import { FoldError } from "../errors.ts";
import { createStorage } from "../storage/create-storage.ts";
import type { Attempt, Storage } from "../storage/port.ts";
import { type HeartOrder, type HeartReport, PROGRESS_ORTHOS, PROGRESS_SHARE } from "./heartbeat-messages.ts";

/**
 * The thread of heartbeats: it has a storage of its own and nothing else to do, so an attempt shows that it is alive
 * whatever the other threads are busy with.
 *
 * It also keeps the time. An attempt whose heartbeats fail counts as lost here before it does elsewhere, by a clock
 * that nobody can set: two workers with one job would be worse than none.
 */

declare const self: Worker;

/** The first heartbeat of an attempt: soon, so that `fold status` has something to show; short jobs need none. */
const FIRST_AFTER_MS = 2_000;
/** Share of the grace period after which an attempt without a heartbeat that arrived gives up. */
const PATIENCE = 0.8;
/** Share of the grace period that a heartbeat has at least: who was suspended asks first whether all is lost. */
const LEAST_PATIENCE = 0.2;

interface Watched {
  readonly attempt: Attempt;
  readonly progress: Float64Array;
  timer: ReturnType<typeof setTimeout>;
  /** When the last heartbeat that arrived was begun. */
  heard_ms: number;
}

let storage: Storage;
let interval_ms: number;
let grace_ms: number;
/** By their folders. */
const watched = new Map<string, Watched>();

self.onmessage = ({ data }: MessageEvent<HeartOrder>) => {
  if (data.kind === "start") {
    storage = createStorage(data.storage);
    interval_ms = data.interval_ms;
    grace_ms = data.storage.grace_ms;
    return;
  }
  if (data.kind === "rest") return forget(data.folder);
  const { attempt, progress, age_ms } = data;
  const heard_ms = performance.now() - age_ms;
  const next: Watched = { attempt, progress, heard_ms, timer: later(FIRST_AFTER_MS - age_ms, () => next) };
  watched.set(attempt.folder, next);
};

function isWatched(one: Watched): boolean {
  return watched.get(one.attempt.folder) === one;
}

function forget(folder: string): void {
  clearTimeout(watched.get(folder)?.timer);
  watched.delete(folder);
}

function later(delay_ms: number, whom: () => Watched): Watched["timer"] {
  return setTimeout(() => void beat(whom()), Math.min(delay_ms, interval_ms));
}

async function beat(one: Watched): Promise<void> {
  const { attempt, progress } = one;
  const begun_ms = performance.now();
  // A storage may be patient for longer than the lease lasts: nobody waits for its answer until then.
  const left_ms = Math.max(one.heard_ms + grace_ms * PATIENCE - begun_ms, grace_ms * LEAST_PATIENCE);
  const silence = setTimeout(() => lose(one), left_ms);
  try {
    await storage.heartbeat(attempt, { share: progress[PROGRESS_SHARE], orthos: progress[PROGRESS_ORTHOS] });
    one.heard_ms = begun_ms;
  } catch (error) {
    if (!isWatched(one)) return;
    const isSilent = performance.now() - one.heard_ms > grace_ms * PATIENCE;
    if (isSilent || (error instanceof FoldError && error.code === "lease_lost")) return lose(one);
    tell({ kind: "missed", folder: attempt.folder, message: error instanceof Error ? error.message : String(error) });
  } finally {
    clearTimeout(silence);
  }
  if (isWatched(one)) one.timer = later(interval_ms, () => one);
}

/** The attempt may be another's by now: it is not watched any more. */
function lose(one: Watched): void {
  if (!isWatched(one)) return;
  forget(one.attempt.folder);
  tell({ kind: "lost", folder: one.attempt.folder });
}

function tell(report: HeartReport): void {
  self.postMessage(report);
}
