/**
 * The last steps of attempts, done while the next ones are folded already: an archive on its way waits for the disk or
 * the network, and the processor need not.
 *
 * Several at a time, which then wait together; a worker that folds faster than it can hand over waits for room.
 */
export class HandOver {
  private readonly underWay = new Set<Promise<void>>();
  private failure: { readonly cause: unknown } | null = null;

  /** @param onFailed called when a hand-over has ended with an error: then there is no going on */
  constructor(private readonly onFailed: () => void) {}

  get isUnderWay(): boolean {
    return this.underWay.size > 0;
  }

  get hasFailed(): boolean {
    return this.failure !== null;
  }

  /** Begin with one more. */
  begin(act: () => Promise<void>): void {
    const run = this.run(act).finally(() => this.underWay.delete(run));
    this.underWay.add(run);
  }

  private async run(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (cause) {
      this.failure ??= { cause };
      this.onFailed();
    }
  }

  /** Settles when fewer than `most` are being handed over, well or not. */
  async room(most: number): Promise<void> {
    while (this.underWay.size >= most) await Promise.race(this.underWay);
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
