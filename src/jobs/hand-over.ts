/**
 * The last steps of an attempt, done while the next one is folded already: an archive on its way waits for the disk or
 * the network, and the processor need not.
 *
 * One at a time: a worker that folds faster than it can hand over waits.
 */
export class HandOver {
  private current: Promise<void> | null = null;
  private failure: { readonly cause: unknown } | null = null;

  /** @param onFailed called when a hand-over has ended with an error: then there is no going on */
  constructor(private readonly onFailed: () => void) {}

  get isUnderWay(): boolean {
    return this.current !== null;
  }

  get hasFailed(): boolean {
    return this.failure !== null;
  }

  /** Begin, once the one before is done. */
  begin(act: () => Promise<void>): void {
    this.current = this.run(act);
  }

  private async run(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (cause) {
      this.failure = { cause };
      this.onFailed();
    } finally {
      this.current = null;
    }
  }

  /** Settles when nothing is being handed over any more, well or not. */
  async done(): Promise<void> {
    await this.current;
  }

  /** Throw what a hand-over has failed with, if one has. */
  check(): void {
    if (this.failure !== null) throw this.failure.cause;
  }
}
