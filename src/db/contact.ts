import { isConnectionLost, isFromServer, reasonOf } from "./failures.ts";

/** What is different until a database has answered for the first time. */
export interface FirstContact {
  /** How long to try; left out: as long as ever after. */
  readonly patience_ms?: number;
  /** Told once, if the first answer takes a while: what is waited for, and why, without user and password. */
  readonly onWaiting?: (what: string) => void;
}

/** A restart, or a server far away, takes less; for whoever looks on, silence of that length is a riddle. */
const TELL_AFTER_MS = 1_000;

/** So often at least a short patience tries. */
const TRIES = 5;

/**
 * The first contact with a database. Until somebody has answered, the address may be wrong, and whoever gave it may sit
 * there and wait; from then on it is a matter of outages.
 */
export class Contact {
  private isMade = false;
  private isOver = false;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private lastFailure: unknown = null;

  constructor(
    private readonly place: string,
    private readonly wanted: FirstContact,
  ) {}

  /** Somebody is asked. */
  begin(): void {
    if (!this.isOver) this.timer ??= setTimeout(() => this.tell(), TELL_AFTER_MS);
  }

  /** The server has let us in. */
  made(): void {
    this.isMade = true;
  }

  /** A try has failed. */
  failed(error: unknown): void {
    this.isMade ||= isFromServer(error) || !isConnectionLost(error);
    this.lastFailure = error;
  }

  /** Asking has come to an end, one way or the other. */
  end(): void {
    this.isOver = true;
    if (this.timer !== null) clearTimeout(this.timer);
  }

  /**
   * Until when to try.
   *
   * @param started_ms when asking began
   * @param usual until when to try a database that is known to be there
   */
  deadline_ms(started_ms: number, usual: number): number {
    const { patience_ms } = this.wanted;
    return this.isMade || patience_ms === undefined ? usual : Math.min(usual, started_ms + patience_ms);
  }

  /**
   * The longest pause between two tries.
   *
   * @param usual that of a database which is known to be there
   */
  longestPause_ms(usual: number): number {
    const { patience_ms } = this.wanted;
    // Else one pause alone could be all of a short patience.
    return this.isMade || patience_ms === undefined ? usual : Math.min(usual, patience_ms / TRIES);
  }

  private tell(): void {
    // It is there, and takes its time.
    if (this.isMade && this.lastFailure === null) return;
    const reason = this.lastFailure === null ? "no answer yet" : reasonOf(this.lastFailure);
    this.wanted.onWaiting?.(`waiting for the database at ${this.place}: ${reason}`);
  }
}
