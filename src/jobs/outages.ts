import { FoldError } from "../errors.ts";
import { pause } from "./pause.ts";
import { Waits } from "./waits.ts";

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/** What is told of the times in which the storage cannot be reached. */
export interface OutageEvents {
  /** It is away: told once an outage. */
  readonly onAway: (error: FoldError) => void;
  /** It is there again. */
  readonly onBack: (away_ms: number) => void;
}

/**
 * Waits while the storage cannot be reached. A database that restarts, a gateway that is overloaded, a cable: that is
 * nobody's fault and no reason to die, for nobody may be there to start the worker again.
 *
 * A storage that was never reached is another matter: then the address is wrong, and whoever gave it wants to know.
 */
export class Outages {
  private wasReached = false;
  private since_ms: number | null = null;
  /** The last to wait has not waited to the end: that something else works does not mean that it is over. */
  private isGivenUp = false;
  /** Calls that wait for it. */
  private waiting = 0;

  /** @param longest_ms an outage that lasts longer is an error after all */
  constructor(
    private readonly longest_ms: number,
    private readonly events: OutageEvents,
  ) {}

  /** Whether it could not be reached when it was asked last. */
  get isAway(): boolean {
    return this.since_ms !== null;
  }

  /**
   * Do something with the storage, again and again while it cannot be reached.
   *
   * @param act may be done again whenever it has failed as `unreachable`
   * @param signal aborted: no more waiting
   * @throws FoldError `unreachable` when it was never reached, after `longest_ms` and after `signal`; other errors at once
   */
  async over<T>(act: () => T | Promise<T>, signal: AbortSignal): Promise<T> {
    // By chance: a fleet whose database is back does not ask all at once.
    const pauses = new Waits(FIRST_PAUSE_MS);
    let hasWaited = false;
    for (;;) {
      try {
        const result = await act();
        this.wasReached = true;
        this.answered(hasWaited);
        return result;
      } catch (error) {
        if (!isUnreachable(error)) {
          // Also an answer.
          this.answered(hasWaited);
          throw error;
        }
        if (!hasWaited) this.waiting++;
        hasWaited = true;
        if (await this.waitFor(error, pauses, signal)) continue;
        this.waiting--;
        throw error;
      }
    }
  }

  /** It is away: wait before the next try; false when there is to be none. */
  private async waitFor(error: FoldError, pauses: Waits, signal: AbortSignal): Promise<boolean> {
    const mayWait = !signal.aborted && this.begin(error);
    if (mayWait) await pause(pauses.next(LONGEST_PAUSE_MS), signal);
    this.isGivenUp = !mayWait || signal.aborted;
    return !this.isGivenUp;
  }

  /** Whether to wait for it. */
  private begin(error: FoldError): boolean {
    if (!this.wasReached) return false;
    if (this.since_ms === null) {
      this.since_ms = performance.now();
      this.events.onAway(error);
    }
    return performance.now() - this.since_ms < this.longest_ms;
  }

  /** The storage is there, unless another call still waits for a part of it. */
  private answered(hasWaited: boolean): void {
    if (hasWaited) this.waiting--;
    if (this.waiting > 0) return;
    const { since_ms, isGivenUp } = this;
    this.since_ms = null;
    if (since_ms !== null && !isGivenUp) this.events.onBack(performance.now() - since_ms);
  }
}

/** Whether an error means that the other side could not be reached, or had no time. */
export function isUnreachable(error: unknown): error is FoldError {
  return error instanceof FoldError && error.code === "unreachable";
}
