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
  private away_ms: number | null = null;

  /** @param longest_ms an outage that lasts longer is an error after all */
  constructor(
    private readonly longest_ms: number,
    private readonly events: OutageEvents,
  ) {}

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
    for (;;) {
      try {
        const result = await act();
        this.end();
        return result;
      } catch (error) {
        if (!isUnreachable(error)) throw error;
        if (!this.begin(error) || signal.aborted) throw error;
        await pause(pauses.next(LONGEST_PAUSE_MS), signal);
        if (signal.aborted) throw error;
      }
    }
  }

  /** It is away; whether to wait. */
  private begin(error: FoldError): boolean {
    if (!this.wasReached) return false;
    if (this.away_ms === null) {
      this.away_ms = performance.now();
      this.events.onAway(error);
    }
    return performance.now() - this.away_ms < this.longest_ms;
  }

  private end(): void {
    this.wasReached = true;
    if (this.away_ms === null) return;
    const away_ms = performance.now() - this.away_ms;
    this.away_ms = null;
    this.events.onBack(away_ms);
  }
}

/** Whether an error means that the other side could not be reached, or had no time. */
export function isUnreachable(error: unknown): error is FoldError {
  return error instanceof FoldError && error.code === "unreachable";
}
