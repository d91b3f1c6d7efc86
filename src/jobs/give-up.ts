import { FoldError } from "../errors.ts";
import type { Attempt, JobProgress, Storage } from "../storage/port.ts";
import { Unpublished } from "../storage/unpublished.ts";
import { noSpace } from "./no-space.ts";
import { isUnreachable, type Outages } from "./outages.ts";
import { pause } from "./pause.ts";
import { Waits } from "./waits.ts";
import type { WorkRequest } from "./work-request.ts";

/** How long a job that was given back because the storage is away is left alone by this worker, at first and at most. */
const FIRST_REST_MS = 1_000;
const LONGEST_REST_MS = 60_000;
/** These errors come again however often the job is tried. */
const FINAL: ReadonlySet<string> = new Set(["not_utf8", "empty", "too_long", "usage"]);

/** What became of a job whose attempt has ended with an error. */
export type GivenUp = "lost" | "returned" | "failed" | "put aside" | "unpublished";

/** How an attempt came to its end. */
export interface Unfinished {
  readonly attempt: Attempt;
  readonly error: unknown;
  /** Its heartbeats have not arrived for so long that it may be another's. */
  readonly isSilent: boolean;
  readonly progress: JobProgress;
}

/** Decides what becomes of the jobs whose attempts have ended with an error (worker.ts opens with what that may be). */
export class GiveUp {
  private readonly rests = new Waits(FIRST_REST_MS);

  constructor(
    private readonly request: WorkRequest,
    private readonly storage: Storage,
    private readonly outages: Outages,
  ) {}

  /** A job was done: the storage is there. */
  startAnew(): void {
    this.rests.startAnew();
  }

  /**
   * Let go of the job of an attempt.
   *
   * @throws FoldError what the worker is to end with: `no_space`, `refused`, errors of the storage; `lease_lost`,
   * `unreachable` and Unpublished where there is no other job to go on to
   */
  async settle(unfinished: Unfinished): Promise<GivenUp> {
    const { attempt, error } = unfinished;
    if (error instanceof Unpublished) return this.leaveToRecovery(attempt, error);
    try {
      // Whatever the error says, it may come from the folder being another's by now.
      if (!(await this.isOurs(unfinished))) throw lostLease(attempt);
      return await this.giveUp(unfinished);
    } catch (second) {
      if (!isLeaseLost(second)) throw second;
      this.request.onEvent({ kind: "lost", attempt });
      if (this.isForOne) throw second;
      return "lost";
    }
  }

  /** The folder is no attempt's any more: asking whose it is would tell that it was lost. */
  private leaveToRecovery(attempt: Attempt, error: Unpublished): GivenUp {
    this.request.onEvent({ kind: "unpublished", attempt, error });
    // The next archive would find no room either.
    if (this.isForOne || error.code === "no_space") throw error;
    return "unpublished";
  }

  private get isForOne(): boolean {
    return this.request.jobId !== null || this.request.isOneShot;
  }

  private async isOurs({ attempt, isSilent, progress }: Unfinished): Promise<boolean> {
    try {
      await this.outages.over(() => this.storage.heartbeat(attempt, progress), this.request.signal);
      return true;
    } catch (error) {
      if (isUnreachable(error)) throw error;
      // A disk that is full takes no heartbeat either; that does not make the job another's.
      return !isSilent && !isLeaseLost(error);
    }
  }

  private async giveUp({ attempt, error: cause, progress }: Unfinished): Promise<GivenUp> {
    const error = asFoldError(cause);
    if (error.code === "interrupted") {
      await this.giveBack(attempt, true);
    } else if (error.code === "unreachable") {
      await this.giveBack(attempt, true);
      await this.rest(attempt, error);
    } else if (error.code === "no_space") {
      const told = noSpace(attempt, error, progress.share);
      await this.giveBack(attempt, false);
      throw told;
    } else if (error.code === "refused") {
      // The fault of this worker's keys, and of no job: with them every job of the fleet would be put aside.
      await this.giveBack(attempt, true);
      throw error;
    } else {
      const { code, message, hint } = error;
      const isPutAside = await this.storage.failJob(attempt, { code, message, hint, isFinal: FINAL.has(code) });
      this.request.onEvent({ kind: "failed", attempt, error, isPutAside });
      return isPutAside ? "put aside" : "failed";
    }
    return "returned";
  }

  private async giveBack(attempt: Attempt, keepsWork: boolean): Promise<void> {
    await this.outages.over(() => this.storage.abandonJob(attempt, keepsWork), this.request.signal);
    this.request.onEvent({ kind: "returned", attempt, keepsWork });
  }

  /** A part of the storage is away, and the next job would fare no better: wait, ever longer until one is done. */
  private async rest(attempt: Attempt, error: FoldError): Promise<void> {
    if (this.isForOne) throw error;
    this.request.onEvent({ kind: "resting", attempt, error });
    await pause(this.rests.next(LONGEST_REST_MS), this.request.signal);
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
