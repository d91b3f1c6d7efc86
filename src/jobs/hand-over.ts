/** So many wait at most before they are begun together. */
const BATCH = 8;
/** None waits longer for others. */
const LONGEST_WAIT_MS = 20;

type Act = () => Promise<void>;

/**
 * The last steps of attempts, done while the next ones are folded already: an archive on its way waits for the disk or
 * the network, and the processor need not.
 *
 * Several are begun at once: each by itself would have its own turn of the disk's thread and of this one, which takes as
 * long as a small archive. A worker that folds faster than it can hand over waits for room.
 */
export class HandOver {
  private readonly gathered: Act[] = [];
  private timer: ReturnType<typeof setTimeout> | null = null;
  private readonly underWay = new Set<Promise<void>>();
  private failure: { readonly cause: unknown } | null = null;

  /** @param onFailed called when a hand-over has ended with an error: then there is no going on */
  constructor(private readonly onFailed: () => void) {}

  get isUnderWay(): boolean {
    return this.underWay.size + this.gathered.length > 0;
  }

  get hasFailed(): boolean {
    return this.failure !== null;
  }

  /** Begin with one more, soon. */
  begin(act: Act): void {
    this.gathered.push(act);
    if (this.gathered.length >= BATCH) this.start();
    else this.timer ??= setTimeout(() => this.start(), LONGEST_WAIT_MS);
  }

  private start(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    for (const act of this.gathered.splice(0)) {
      const run = this.run(act).finally(() => this.underWay.delete(run));
      this.underWay.add(run);
    }
  }

  private async run(act: Act): Promise<void> {
    try {
      await act();
    } catch (cause) {
      this.failure ??= { cause };
      this.onFailed();
    }
  }

  /** Settles when fewer than `most` are being handed over, well or not. */
  async room(most: number): Promise<void> {
    while (this.underWay.size + this.gathered.length >= most) {
      this.start();
      await Promise.race(this.underWay);
    }
  }

  /** Settles when nothing is being handed over any more, well or not. */
  async done(): Promise<void> {
    await this.room(1);
  }

  /** Throw what a hand-over has failed with, the first if several have. */
  check(): void {
    if (this.failure !== null) throw this.failure.cause;
  }
}
