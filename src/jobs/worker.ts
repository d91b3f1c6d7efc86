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
 *                ├─ it is over but for publishing ──> leave it  unpublished; recovery ends it; no space ends the loop
 *                └─ the lease is lost ──> drop it               lost; whoever has the job goes on
 *
 * What becomes of a job whose attempt ended with an error is decided in give-up.ts. While an archive is written and its
 * job completed, the next one is claimed and run (hand-over.ts).
 *
 * The loop ends when no job is waiting and none is running: what runs elsewhere may come back, or be merged. A worker
 * that stays goes on looking, ever more seldom.
 *
 * A storage that cannot be reached any more is waited for (outages.ts), also with a finished archive in hand. It never
 * counts as a failure of the job: no job is put aside because the network was away.
 */
import type { WrittenArchive } from "../archive/writer.ts";
import { FoldError } from "../errors.ts";
import { createStorage } from "../storage/create-storage.ts";
import type { Attempt, JobEntry, Storage } from "../storage/port.ts";
import type { FoldProgress } from "./fold-corpus.ts";
import { GiveUp } from "./give-up.ts";
import { HandOver } from "./hand-over.ts";
import { Heart } from "./heart.ts";
import { mostBytes, planMemory } from "./memory.ts";
import { isUnreachable, Outages } from "./outages.ts";
import { pause } from "./pause.ts";
import { runAttempt } from "./run-attempt.ts";
import { Stops } from "./stops.ts";
import { Waits } from "./waits.ts";
import { WalkThreads } from "./walk-threads.ts";
import { countUnmerged, isTooLarge, noSuchJob, unreadableArchives } from "./what-is-left.ts";
import type { WorkSummary } from "./work-events.ts";
import type { WorkRequest } from "./work-request.ts";

/** While others are at work: how often to look whether there is something to do. */
const FIRST_LOOK_MS = 50;
const LAST_LOOK_MS = 1_000;
/** The same where nothing is left to wait for but new jobs. */
const LAST_IDLE_LOOK_MS = 10_000;
/** How often the thread of heartbeats is told how far a job is. */
const NOTE_EVERY_MS = 500;
/** Jobs of lost workers are looked for so many times in a grace period. */
const LOOKS_PER_GRACE = 10;
/** For such a part of the grace period they are left alone after all may have been cut off: others may still wait. */
const PATIENCE_PER_GRACE = 4;
/** Whoever was stopped for such a part of the grace period may be the first of many to go on. */
const STOPS_PER_GRACE = 4;
/** Archives below this are handed over several at a time: what they take is little, and nearly all their time is waiting. */
const SMALL_ARCHIVE_BYTES = 1e6;
const MOST_HANDED_OVER = 16;
/** Memory that handing over takes beside a fold, at most (scripts/bench/store.ts). */
const HAND_OVER_BYTES = 150e6;
/** A worker that does not stay gives up when the storage is away for so long. */
const LONGEST_OUTAGE_MS = 3_600_000;

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

/** An attempt from its claim to its end. */
interface Running {
  readonly attempt: Attempt;
  readonly stop: AbortController;
  readonly started_ms: number;
  progress: (() => FoldProgress) | null;
  /** Its heartbeats have not arrived for so long that it may be another's. */
  isSilent: boolean;
}

class WorkLoop {
  private readonly threads = new WalkThreads();
  private readonly heart: Heart;
  /** The attempt that is run, and those that are handed over. */
  private readonly underWay = new Map<Attempt, Running>();
  private readonly handOver = new HandOver(() => this.stopAll());
  /** When to look for the jobs of lost workers again. */
  private nextFree_ms = -Infinity;
  private readonly outages: Outages;
  private readonly giveUp: GiveUp;
  private readonly stops: Stops;
  /** By chance: a fleet that has run out of work does not ask all at once. */
  private readonly looks = new Waits(FIRST_LOOK_MS);
  /** How many jobs of others were running when that was looked at last. */
  private waitedFor = 0;
  /** Jobs that need more memory than this worker has, as far as that was told. */
  private readonly left = new Set<string>();
  private done = 0;
  private failed = 0;
  private lost = 0;
  private orthos = 0;

  constructor(
    private readonly request: WorkRequest,
    private readonly storage: Storage,
  ) {
    this.heart = new Heart(request.storage, request.heartbeat_ms, {
      onLost: (attempt) => this.lose(attempt),
      onMissed: (attempt, message) => request.onEvent({ kind: "missed", attempt, message }),
    });
    this.outages = new Outages(request.stays ? Infinity : LONGEST_OUTAGE_MS, {
      onAway: (error) => request.onEvent({ kind: "away", error }),
      onBack: (away_ms) => {
        request.onEvent({ kind: "back", away_ms });
        this.waitForOthers();
      },
    });
    this.giveUp = new GiveUp(request, storage, this.outages);
    this.stops = new Stops(request.storage.grace_ms / STOPS_PER_GRACE, () => this.waitForOthers());
  }

  /** They have been cut off or stopped, too: time for them to say that they are alive. */
  private waitForOthers(): void {
    this.nextFree_ms = performance.now() + this.request.storage.grace_ms / PATIENCE_PER_GRACE;
  }

  async close(): Promise<void> {
    this.stops.close();
    this.heart.close();
    this.threads.close();
    await this.storage.close();
  }

  async run(): Promise<WorkSummary> {
    try {
      await this.runAll();
    } finally {
      await this.handOver.done();
    }
    this.handOver.check();
    return await this.outages.over(() => this.summary(), this.request.signal);
  }

  private async runAll(): Promise<void> {
    const { signal, isOneShot, jobId, stays, budget_bytes } = this.request;
    let wasQuiet = false;
    while (!signal.aborted && !this.handOver.hasFailed) {
      // Of a storage that is away, the archive at hand is enough.
      if (this.outages.isAway) await this.handOver.done();
      const attempt = await this.outages.over(() => this.claim(), signal);
      if (attempt !== null) {
        await this.runOne(attempt);
        if (isOneShot || jobId !== null) break;
        wasQuiet = false;
        this.waitedFor = 0;
        this.looks.startAnew();
        continue;
      }
      if (jobId !== null) throw await noSuchJob(this.storage, jobId, budget_bytes);
      if (isOneShot) break;
      // It may be what is merged next.
      if (this.handOver.isUnderWay) {
        await this.handOver.done();
        continue;
      }
      // The end only when nothing was running before the claim: a job that ends leaves what can be claimed.
      if (wasQuiet && !stays) break;
      wasQuiet = await this.outages.over(() => this.isQuiet(), signal);
      if (wasQuiet && !stays) continue;
      await pause(this.looks.next(wasQuiet ? LAST_IDLE_LOOK_MS : LAST_LOOK_MS), signal);
    }
  }

  private async claim(): Promise<Attempt | null> {
    const { worker, options, merges, jobId, budget_bytes } = this.request;
    this.stops.look();
    const isDue = performance.now() > this.nextFree_ms;
    // The first to come back from an outage would free the jobs of all others, who could not say that they are alive.
    if (isDue && !this.outages.isAway) await this.freeLostJobs();
    const wanted = { worker, options, merges, most_bytes: mostBytes(budget_bytes) };
    return await this.storage.claimNextJob(jobId === null ? wanted : { ...wanted, id: jobId });
  }

  private async freeLostJobs(): Promise<void> {
    const { storage, onEvent } = this.request;
    this.nextFree_ms = performance.now() + storage.grace_ms / LOOKS_PER_GRACE;
    try {
      const count = await this.storage.reclaimStale();
      if (count > 0) onEvent({ kind: "reclaimed", count });
    } catch (error) {
      if (!(error instanceof FoldError)) throw error;
      // Whether the storage is away, or a connection broke in that moment, the claim finds out.
      if (isUnreachable(error)) this.waitForOthers();
      else onEvent({ kind: "unfreed", error });
    }
  }

  /** Whether no job is running anywhere; tells which are, whenever they become more or fewer, and what is too large. */
  private async isQuiet(): Promise<boolean> {
    const jobs = await this.storage.listJobs();
    this.tellTooLarge(jobs);
    const running = jobs.filter(({ state }) => state === "running");
    if (running.length > 0 && running.length !== this.waitedFor) this.request.onEvent({ kind: "waiting", running });
    this.waitedFor = running.length;
    return running.length === 0;
  }

  /** One that stays has no end at which it would be told: without this nobody knew why a job waits for ever. */
  private tellTooLarge(jobs: readonly JobEntry[]): void {
    const { budget_bytes, onEvent } = this.request;
    for (const job of jobs) {
      if (this.left.has(job.id) || !isTooLarge(job, budget_bytes)) continue;
      this.left.add(job.id);
      onEvent({ kind: "left", job, need_bytes: planMemory(job, 1, budget_bytes).need_bytes, budget_bytes });
    }
  }

  private async runOne(attempt: Attempt): Promise<void> {
    const stop = new AbortController();
    const running: Running = { attempt, stop, started_ms: performance.now(), progress: null, isSilent: false };
    this.underWay.set(attempt, running);
    this.heart.watch(attempt);
    const note = () => running.progress !== null && this.heart.note(attempt, running.progress());
    const timer = setInterval(note, NOTE_EVERY_MS);
    try {
      const archive = await this.runAttempt(running);
      await this.handOver.room(archive.bytes < SMALL_ARCHIVE_BYTES ? MOST_HANDED_OVER : 1);
      this.endAfterFailure();
      this.handOver.begin(() => this.finish(running, archive));
    } catch (error) {
      await this.settle(running, error);
    } finally {
      clearInterval(timer);
    }
  }

  /** What has ended the hand-over before ends the worker, and this attempt is given back. */
  private endAfterFailure(): void {
    if (this.handOver.hasFailed) throw new FoldError("interrupted", "the worker ends", "start it again");
  }

  /** From a finished archive to the end of its job. */
  private async finish(running: Running, written: WrittenArchive): Promise<void> {
    const { attempt, started_ms } = running;
    const { signal, onEvent } = this.request;
    try {
      await this.outages.over(() => this.storage.writeArchive(attempt, written), signal);
      const archive = await this.outages.over(() => this.storage.completeJob(attempt), signal);
      this.end(attempt);
      this.done++;
      this.giveUp.startAnew();
      this.orthos += archive.orthos;
      onEvent({ kind: "done", attempt, archive, elapsed_ms: performance.now() - started_ms });
    } catch (error) {
      await this.settle(running, error);
    }
  }

  private async runAttempt(running: Running): Promise<WrittenArchive> {
    const { attempt, stop } = running;
    const { threads: wanted, partsAfter_ms, budget_bytes, signal, onEvent } = this.request;
    const { threads, need_bytes } = planMemory(attempt, wanted, budget_bytes);
    onEvent({ kind: "claimed", attempt, threads, need_bytes });
    if (threads < wanted) onEvent({ kind: "smaller", attempt, threads, budget_bytes });
    if (need_bytes + HAND_OVER_BYTES > budget_bytes) await this.handOver.done();
    this.endAfterFailure();
    return await runAttempt(attempt, {
      storage: this.storage,
      partsAfter_ms,
      threads,
      keptThreads: this.threads,
      signal: AbortSignal.any([stop.signal, signal]),
      onPlan: (plan) => onEvent({ kind: "planned", attempt, ...plan }),
      onProgress: (progress) => {
        running.progress = progress;
        onEvent({ kind: "walking", attempt, progress });
      },
    });
  }

  private async settle({ attempt, isSilent, progress }: Running, error: unknown): Promise<void> {
    try {
      const reached = progress?.() ?? { share: 0, orthos: 0 };
      const became = await this.giveUp.settle({ attempt, error, isSilent, progress: reached });
      if (became === "lost") this.lost++;
      if (became === "put aside") this.failed++;
    } finally {
      this.end(attempt);
    }
  }

  private end(attempt: Attempt): void {
    this.underWay.delete(attempt);
    this.heart.rest(attempt);
  }

  /** No heartbeat has arrived for long. What is handed over goes on all the same: whose the job is, the storage tells. */
  private lose(attempt: Attempt): void {
    const running = this.underWay.get(attempt);
    if (running === undefined) return;
    running.isSilent = true;
    running.stop.abort();
  }

  private stopAll(): void {
    for (const { stop } of this.underWay.values()) stop.abort();
  }

  private async summary(): Promise<WorkSummary> {
    const { storage, request, done, failed, lost, orthos } = this;
    const tooLarge = (await storage.listJobs()).filter((job) => isTooLarge(job, request.budget_bytes));
    const unmerged = await countUnmerged(storage, request);
    return { done, failed, lost, orthos, tooLarge, unmerged, unreadable: await unreadableArchives(storage, request) };
  }
}
