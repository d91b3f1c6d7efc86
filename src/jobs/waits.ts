/**
 * Waits that become twice as long from one to the next, each drawn from around its length: between half of it and one
 * and a half times as long. So of many workers that find nothing to do, or no database, no two ask at the same moment
 * again and again.
 */
export class Waits {
  private length_ms: number;

  /**
   * @param first_ms length of the first wait
   * @param random draws from 0 up to 1, as Math.random does
   */
  constructor(
    private readonly first_ms: number,
    private readonly random: () => number = () => Math.random(),
  ) {
    this.length_ms = first_ms;
  }

  /**
   * How long to wait this time, in ms.
   *
   * @param longest_ms the wait is drawn from around this where it would be from around more
   */
  next(longest_ms: number): number {
    const length_ms = Math.min(this.length_ms, longest_ms);
    this.length_ms = 2 * length_ms;
    return length_ms * (0.5 + this.random());
  }

  /** Begin again with the first wait. */
  startAnew(): void {
    this.length_ms = this.first_ms;
  }
}
