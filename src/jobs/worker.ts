/**
 * The worker's loop: the life of jobs, from a claim to its end.
 *
 *     claim ──> run ──> write the archive ──> complete          done
 *                │
 *                ├─ a signal to stop ──> give back, keep work   returned; the loop ends
 *                ├─ no space left ──> give back, free its space the loop ends with the error
 *                ├─ the text can never fold ──> put aside       failed
 *                ├─ the storage is away ──> give back, keep work   returned; a while later the next claim
 *                ├─ any other error ──> give back, counted      failed; put aside after MAX_ATTEMPTS
 *                └─ the lease is lost ──> drop it               lost; whoever has the job goes on
 *
 * The loop ends when no job is waiting and none is running: what runs elsewhere may come back, or be merged. A worker
 * that stays goes on looking, ever more seldom.
 *
 * A storage that cannot be reached any more is waited for (outages.ts), also with a finished archive in hand. It never
 * counts as a failure of the job: no job is put aside because the network was away.
 */
import type { FoldOptions } from "../archive/manifest.ts";
import { FoldError } from "../errors.ts";
import { createStorage, type StorageConfig } from "../storage/create-storage.ts";
import { isMergeable } from "../storage/mergeable.ts";
import type { Attempt, JobEntry, Storage } from "../storage/port.ts";
import type { FoldProgress } from "./fold-corpus.ts";
import { sizeOfFolder } from "./folder-size.ts";
import { Heart } from "./heart.ts";
import { mostBytes, planMemory } from "./memory.ts";
import { isUnreachable, Outages } from "./outages.ts";
import { pause } from "./pause.ts";
import { runAttempt } from "./run-attempt.ts";
import { WalkThreads } from "./walk-threads.ts";
import type { WorkEvent, WorkSummary } from "./work-events.ts";

/** What a worker is to do. */
export interface WorkRequest {
  readonly storage: StorageConfig;
  /** Names the process: unique, whatever other processes there are or were. */
  readonly worker: string;
  readonly options: FoldOptions;
  /** Merge archives two by two once no text waits. */
  readonly merges: boolean;
  /** One job, then the end; else until nothing is left. */
  readonly isOneShot: boolean;
  /** Wait for new jobs when nothing is left, until `signal`. */
  readonly stays: boolean;
  /** Only this job; null for any. */
  readonly jobId: string | null;
  readonly threads: number;
  /** Memory that this process may take, in bytes. */
  readonly budget_bytes: number;
  readonly heartbeat_ms: number;
  /** See RunSettings. */
  readonly partsAfter_ms: number;
  /** Aborted: finish safely, then come to an end. */
  readonly signal: AbortSignal;
  readonly onEvent: (event: WorkEvent) => void;
}

/** While others are at work: how often to look whether there is something to do. */
const FIRST_LOOK_MS = 50;
const LAST_LOOK_MS = 1_000;
/** The same where nothing is left to wait for but new jobs. */
const LAST_IDLE_LOOK_MS = 10_000;
/** How often the thread of heartbeats is told how far a job is. */
const NOTE_EVERY_MS = 500;
/** Jobs of lost workers are looked for so many times in a grace period. */
const LOOKS_PER_GRACE = 10;
/** How long a job that was given back because the storage is away is left alone by this worker, at first and at most. */
const FIRST_REST_MS = 1_000;
const LONGEST_REST_MS = 60_000;
/** A worker that does not stay gives up when the storage is away for so long. */
const LONGEST_OUTAGE_MS = 3_600_000;
/** These errors come again however often the job is tried. */
const FINAL: ReadonlySet<string> = new Set(["not_utf8", "empty", "usage"]);

/**
 * Work until nothing is left, or until `signal`.
 *
 * @throws FoldError `not_found` when the job asked for is not there, `lease_lost` when it was taken away, `no_space`;
 * errors of the storage itself
 */
export async function work(request: WorkRequest): Promise<WorkSummary> {
  const worker = new WorkLoop(request, createStorage(request.storage));
  try {
    return await worker.run();
  } finally {
    await worker.close();
  }
}

class WorkLoop {
  private readonly threads = new WalkThreads();
  private readonly heart: Heart;
  /** The attempt under way: what stops it, and how far it is. */
  private current: AbortController | null = null;
  private progress: (() => FoldProgress) | null = null;
  private lookedForLost_ms = -Infinity;
  private readonly outages: Outages;
  private rest_ms = FIRST_REST_MS;
  /** How many jobs of others were running when that was looked at last. */
  private waitedFor = 0;
  private done = 0;
  private failed = 0;
  private lost = 0;
  private orthos = 0;

  constructor(
    private readonly request: WorkRequest,
    private readonly storage: Storage,
  ) {
    this.heart = new Heart(request.storage, request.heartbeat_ms, {
      onLost: () => this.current?.abort(),
      onMissed: (attempt, message) => request.onEvent({ kind: "missed", attempt, message }),
    });
    this.outages = new Outages(request.stays ? Infinity : LONGEST_OUTAGE_MS, {
      onAway: (error) => request.onEvent({ kind: "away", error }),
      onBack: (away_ms) => {
        request.onEvent({ kind: "back", away_ms });
        // The others have been cut off, too: time for them to say that they are alive.
        this.lookedForLost_ms = performance.now();
      },
    });
  }

  async close(): Promise<void> {
    this.heart.close();
    this.threads.close();
    await this.storage.close();
  }

  async run(): Promise<WorkSummary> {
    const { signal, isOneShot, jobId, stays } = this.request;
    let wasQuiet = false;
    let look_ms = FIRST_LOOK_MS;
    while (!signal.aborted) {
      const attempt = await this.outages.over(() => this.claim(), signal);
      if (attempt !== null) {
        await this.runOne(attempt);
        if (isOneShot || jobId !== null) break;
        wasQuiet = false;
        this.waitedFor = 0;
        look_ms = FIRST_LOOK_MS;
        continue;
      }
      if (jobId !== null) throw await this.noSuchJob(jobId);
      // The end only when nothing was running before the claim: a job that ends leaves what can be claimed.
      if ((wasQuiet && !stays) || isOneShot) break;
      wasQuiet = await this.outages.over(() => this.isQuiet(), signal);
      if (wasQuiet && !stays) continue;
      // By chance: a fleet that has run out of work does not ask all at once.
      await pause(look_ms * (0.5 + Math.random()), signal);
      look_ms = Math.min(look_ms * 2, wasQuiet ? LAST_IDLE_LOOK_MS : LAST_LOOK_MS);
    }
    return await this.outages.over(() => this.summary(), signal);
  }

  private async claim(): Promise<Attempt | null> {
    const { worker, options, merges, jobId, budget_bytes, storage } = this.request;
    if (performance.now() - this.lookedForLost_ms > storage.grace_ms / LOOKS_PER_GRACE) await this.freeLostJobs();
    const wanted = { worker, options, merges, most_bytes: mostBytes(budget_bytes) };
    return await this.storage.claimNextJob(jobId === null ? wanted : { ...wanted, id: jobId });
  }

  private async freeLostJobs(): Promise<void> {
    const { onEvent } = this.request;
    this.lookedForLost_ms = performance.now();
    try {
      const count = await this.storage.reclaimStale();
      if (count > 0) onEvent({ kind: "reclaimed", count });
    } catch (error) {
      if (!(error instanceof FoldError) || isUnreachable(error)) throw error;
      onEvent({ kind: "unfreed", error });
    }
  }

  /** Whether no job is running anywhere; tells which are, whenever they become more or fewer. */
  private async isQuiet(): Promise<boolean> {
    const running = (await this.storage.listJobs()).filter(({ state }) => state === "running");
    if (running.length > 0 && running.length !== this.waitedFor) this.request.onEvent({ kind: "waiting", running });
    this.waitedFor = running.length;
    return running.length === 0;
  }

  private async runOne(attempt: Attempt): Promise<void> {
    const started_ms = performance.now();
    const current = new AbortController();
    this.current = current;
    this.heart.watch(attempt);
    this.progress = null;
    const timer = setInterval(() => this.progress !== null && this.heart.note(this.progress()), NOTE_EVERY_MS);
    const { signal } = this.request;
    try {
      const file = await this.runAttempt(attempt, AbortSignal.any([current.signal, signal]));
      // Also when no heartbeat arrives any more: whose the job is by then, the storage will tell.
      await this.outages.over(() => this.storage.writeArchive(attempt, file), signal);
      const archive = await this.outages.over(() => this.storage.completeJob(attempt), signal);
      this.done++;
      this.rest_ms = FIRST_REST_MS;
      this.orthos += archive.orthos;
      const elapsed_ms = performance.now() - started_ms;
      this.request.onEvent({ kind: "done", attempt, archive, elapsed_ms });
    } catch (error) {
      await this.settle(attempt, error, current.signal.aborted);
    } finally {
      clearInterval(timer);
      this.heart.rest();
      this.current = null;
    }
  }

  private runAttempt(attempt: Attempt, signal: AbortSignal): Promise<string> {
    const { threads: wanted, partsAfter_ms, budget_bytes, onEvent } = this.request;
    const { threads, need_bytes } = planMemory(attempt, wanted, budget_bytes);
    onEvent({ kind: "claimed", attempt, threads, need_bytes });
    if (threads < wanted) onEvent({ kind: "smaller", attempt, threads, budget_bytes });
    return runAttempt(attempt, {
      storage: this.storage,
      partsAfter_ms,
      threads,
      keptThreads: this.threads,
      signal,
      onPlan: (plan) => onEvent({ kind: "planned", attempt, ...plan }),
      onProgress: (progress) => {
        this.progress = progress;
        onEvent({ kind: "walking", attempt, progress });
      },
    });
  }

  /** An attempt has ended with an error: what becomes of its job. */
  private async settle(attempt: Attempt, error: unknown, isLost: boolean): Promise<void> {
    try {
      // Whatever the error says, it may come from the folder being another's by now.
      if (!(await this.isOurs(attempt, isLost))) throw lostLease(attempt);
      await this.giveUp(attempt, error);
    } catch (second) {
      if (!isLeaseLost(second)) throw second;
      this.lost++;
      this.request.onEvent({ kind: "lost", attempt });
      if (this.request.jobId !== null || this.request.isOneShot) throw second;
    }
  }

  /** @param isSilent its heartbeats have not arrived for so long that it may be another's */
  private async isOurs(attempt: Attempt, isSilent: boolean): Promise<boolean> {
    try {
      const beat = () => this.storage.heartbeat(attempt, this.progress?.() ?? { share: 0, orthos: 0 });
      await this.outages.over(beat, this.request.signal);
      return true;
    } catch (error) {
      if (isUnreachable(error)) throw error;
      // A disk that is full takes no heartbeat either; that does not make the job another's.
      return !isSilent && !isLeaseLost(error);
    }
  }

  private async giveUp(attempt: Attempt, cause: unknown): Promise<void> {
    const error = asFoldError(cause);
    if (error.code === "interrupted") {
      await this.giveBack(attempt, true);
    } else if (error.code === "unreachable") {
      await this.giveBack(attempt, true);
      await this.rest(attempt, error);
    } else if (error.code === "no_space") {
      const taken_bytes = sizeOfFolder(attempt.folder);
      await this.giveBack(attempt, false);
      throw noSpace(attempt, error, taken_bytes, this.progress?.().share ?? 0);
    } else if (error.code === "refused") {
      // The fault of this worker's keys, and of no job: with them every job of the fleet would be put aside.
      await this.giveBack(attempt, true);
      throw error;
    } else {
      const { code, message, hint } = error;
      const isPutAside = await this.storage.failJob(attempt, { code, message, hint, isFinal: FINAL.has(code) });
      if (isPutAside) this.failed++;
      this.request.onEvent({ kind: "failed", attempt, error, isPutAside });
    }
  }

  private async giveBack(attempt: Attempt, keepsWork: boolean): Promise<void> {
    await this.outages.over(() => this.storage.abandonJob(attempt, keepsWork), this.request.signal);
    this.request.onEvent({ kind: "returned", attempt, keepsWork });
  }

  /** A part of the storage is away, and the next job would fare no better: wait, ever longer until one is done. */
  private async rest(attempt: Attempt, error: FoldError): Promise<void> {
    const { signal, isOneShot, jobId, onEvent } = this.request;
    if (isOneShot || jobId !== null) throw error;
    onEvent({ kind: "resting", attempt, error });
    await pause(this.rest_ms * (0.5 + Math.random()), signal);
    this.rest_ms = Math.min(2 * this.rest_ms, LONGEST_REST_MS);
  }

  private async noSuchJob(id: string): Promise<FoldError> {
    const job = (await this.storage.listJobs()).find((entry) => entry.id === id);
    if (job === undefined)
      return new FoldError("not_found", `there is no job ${id}`, "`fold status` lists the jobs and their ids");
    const isTooLarge = job.state === "waiting" && this.isTooLarge(job);
    const hint = isTooLarge ? "it needs more memory: see --memory" : "`fold status` tells more";
    return new FoldError("not_found", `job ${id} is ${isTooLarge ? "too large" : job.state}`, hint);
  }

  private isTooLarge({ kind, size_bytes }: JobEntry): boolean {
    return size_bytes > mostBytes(this.request.budget_bytes)[kind];
  }

  private async countUnmerged(): Promise<number> {
    const { merges, isOneShot, jobId, options, signal } = this.request;
    if (!merges || isOneShot || jobId !== null || signal.aborted) return 0;
    const archives = (await this.storage.listArchives()).filter((archive) => isMergeable(archive.options, options));
    return archives.length > 1 ? archives.length : 0;
  }

  private async summary(): Promise<WorkSummary> {
    const { done, failed, lost, orthos } = this;
    const jobs = await this.storage.listJobs();
    const tooLarge = jobs.filter((job) => job.state === "waiting" && this.isTooLarge(job));
    return { done, failed, lost, orthos, tooLarge, unmerged: await this.countUnmerged() };
  }
}

function isLeaseLost(error: unknown): boolean {
  return error instanceof FoldError && error.code === "lease_lost";
}

function lostLease({ id }: Attempt): FoldError {
  return new FoldError("lease_lost", `job ${id} is no longer this worker's`, "`fold status` tells what became of it");
}

function asFoldError(error: unknown): FoldError {
  if (error instanceof FoldError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new FoldError("failed", message, "this is a mistake in fold: please report it", error);
}

/** What is said when the disk is full: how much the job had taken, and how much it needs as far as one can see. */
function noSpace({ name }: Attempt, error: FoldError, taken_bytes: number, share: number): FoldError {
  const size = (bytes: number) => (bytes < 1e7 ? `${Math.ceil(bytes / 1e3)} kB` : `${Math.ceil(bytes / 1e6)} MB`);
  // Finished parts are there twice while they are put together.
  const needed = share > 0 ? `; about ${size((2 * taken_bytes) / share)} are needed` : "";
  return new FoldError(
    "no_space",
    `${name}: ${error.message} after ${size(taken_bytes)}${needed}`,
    "the job waits again and its space is free: make room, then start the worker again",
    error,
  );
}
