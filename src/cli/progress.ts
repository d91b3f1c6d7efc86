import type { FoldProgress } from "../jobs/fold-corpus.ts";
import type { Output } from "./output.ts";
import { formatBytes, formatCount, formatDuration, formatLarge, widthOf } from "./text.ts";

const REDRAW_MS = 100;
/** Without a terminal: a line now and then. */
const LINE_EVERY_MS = 10_000;
const BAR_CELLS = 24;
const PARTS_OF_A_CELL = " ▏▎▍▌▋▊▉█";
/** Below so much done the rest cannot be foreseen. */
const SMALLEST_SHARE = 0.01;

/**
 * Shows how far a fold is: on a terminal one line that is drawn again and again, elsewhere a line now and then.
 *
 * The bar goes by estimated work, not by words, so it moves evenly.
 */
export class ProgressLine {
  private readonly started = performance.now();
  private timer: ReturnType<typeof setInterval> | null = null;
  private current: (() => FoldProgress) | null = null;
  private isDrawn = false;

  constructor(
    private readonly output: Output,
    private readonly name: string,
  ) {}

  /** Begin to show. `current` is asked whenever something is to be shown. */
  start(current: () => FoldProgress): void {
    if (this.current !== null) return;
    this.current = current;
    const isTerminal = this.output.isErrorTerminal;
    this.timer = setInterval(() => this.show(isTerminal), isTerminal ? REDRAW_MS : LINE_EVERY_MS);
    // What is only shown must not keep the program running.
    this.timer.unref();
  }

  /** Stop, and clear the line. */
  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
    if (this.isDrawn) this.output.error("\r\x1b[K");
    this.isDrawn = false;
  }

  private show(isTerminal: boolean): void {
    if (this.current === null) return;
    const parts = this.parts(this.current(), isTerminal);
    if (!isTerminal) {
      this.output.note(parts.join(", "));
      return;
    }
    let line = parts.join("  ");
    while (widthOf(line) >= this.output.errorColumns && parts.length > 2) {
      parts.pop();
      line = parts.join("  ");
    }
    this.output.error(`\r${line}\x1b[K`);
    this.isDrawn = true;
  }

  /** What there is to say, the most important first. */
  private parts({ share, orthos, best }: FoldProgress, isTerminal: boolean): string[] {
    const elapsed_ms = performance.now() - this.started;
    const percent = `${Math.floor(share * 100)} %`;
    const parts = [this.name, isTerminal ? `${progressBar(share)} ${percent}` : percent];
    const left = timeLeft(share, elapsed_ms);
    if (left !== null) parts.push(left);
    parts.push(`${formatCount(orthos)} orthos`, `${formatLarge((orthos / elapsed_ms) * 1000)}/s`);
    if (best !== null) parts.push(`best ${best.dims.join("x")}`);
    parts.push(formatBytes(process.memoryUsage.rss()));
    return parts;
  }
}

/** How long the rest takes if it goes on so; null where too little is done to tell. */
export function timeLeft(share: number, elapsed_ms: number): string | null {
  return share < SMALLEST_SHARE ? null : `${formatDuration((elapsed_ms * (1 - share)) / share)} left`;
}

/** A bar of how much is done, fine to an eighth of a cell. */
export function progressBar(share: number): string {
  const eighths = Math.round(share * BAR_CELLS * 8);
  const full = "█".repeat(eighths >> 3);
  const rest = eighths & 7;
  return (full + (rest > 0 ? PARTS_OF_A_CELL[rest] : "")).padEnd(BAR_CELLS, "░");
}
