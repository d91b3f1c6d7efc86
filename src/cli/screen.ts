import type { Output } from "./output.ts";
import { widthOf } from "./text.ts";

const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";
const DEFAULT_ROWS = 24;
const CTRL_C = "\x03";

/**
 * The whole terminal, drawn again and again on stderr, and the keys pressed meanwhile.
 *
 * Whatever happens to the program, the terminal is given back: also by `process.exit`.
 */
export class Screen {
  private readonly timer: ReturnType<typeof setInterval>;
  private readonly leave = () => this.restore();
  private isOpen = true;

  /**
   * @param frame the lines to show now, given the size of the terminal
   * @param onQuit called for `q`; Ctrl-C, which a terminal in raw mode sends as a key, is a signal as everywhere
   */
  constructor(
    private readonly output: Output,
    interval_ms: number,
    private readonly frame: (columns: number, rows: number) => readonly string[],
    private readonly onQuit: () => void,
  ) {
    output.error(ENTER);
    process.on("exit", this.leave);
    if (process.stdin.isTTY) {
      process.stdin.setRawMode(true);
      process.stdin.on("data", this.onKeys);
    }
    this.timer = setInterval(() => this.draw(), interval_ms);
    this.draw();
  }

  /** Give the terminal back. */
  close(): void {
    clearInterval(this.timer);
    process.off("exit", this.leave);
    if (process.stdin.isTTY) {
      process.stdin.off("data", this.onKeys);
      process.stdin.pause();
    }
    this.restore();
  }

  private restore(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    if (process.stdin.isTTY) process.stdin.setRawMode(false);
    this.output.error(LEAVE);
  }

  private readonly onKeys = (keys: Buffer): void => {
    for (const key of keys.toString()) {
      if (key === CTRL_C) process.emit("SIGINT");
      else if (key === "q" || key === "Q") this.onQuit();
    }
  };

  private draw(): void {
    if (!this.isOpen) return;
    const columns = this.output.errorColumns;
    const rows = process.stderr.rows || DEFAULT_ROWS;
    const lines = this.frame(columns, rows).slice(0, rows);
    // Every line is cleared behind its end, and the screen below the last: no flicker, as a whole clearing makes.
    this.output.error(`\x1b[H${lines.map((line) => `${cut(line, columns)}\x1b[K`).join("\n")}\x1b[J`);
  }
}

/** A line that is too wide, cut at its end; sequences for colour take no width and stay. */
export function cut(line: string, columns: number): string {
  if (widthOf(line) <= columns) return line;
  let kept = "";
  let width = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
  for (const [part] of line.matchAll(/\x1b\[[0-9;]*m|[^\x1b]/gu)) {
    const more = part.startsWith("\x1b") ? 0 : widthOf(part);
    if (width + more > columns - 1) break;
    kept += part;
    width += more;
  }
  return `${kept}…\x1b[0m`;
}
