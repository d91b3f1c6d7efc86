/** So often the timer comes in the time that counts as a stop. */
const LOOKS = 4;

/**
 * Notices that this process was stopped for a while and goes on: Ctrl-Z, a virtual machine that was suspended. The clocks
 * may both have gone on, so it is told by a timer that has not been heard.
 *
 * A main thread that is busy for as long looks the same. So nothing may come of it but a little patience.
 */
export class Stops {
  private awake_ms = performance.now();
  private readonly timer: ReturnType<typeof setInterval>;

  /** @param least_ms what counts as a stop */
  constructor(
    private readonly least_ms: number,
    private readonly onStopped: () => void,
  ) {
    this.timer = setInterval(() => this.look(), least_ms / LOOKS);
    this.timer.unref();
  }

  /** To be called before anything that a stop makes a difference to: the timer may not have had its turn yet. */
  look(): void {
    const now_ms = performance.now();
    const wasStopped = now_ms - this.awake_ms > this.least_ms;
    this.awake_ms = now_ms;
    if (wasStopped) this.onStopped();
  }

  close(): void {
    clearInterval(this.timer);
  }
}
