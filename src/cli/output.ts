import { write, writeSync } from "node:fs";
import { isatty } from "node:tty";
import type { Config } from "../config.ts";
import { hasCode } from "../disk.ts";
import { fromSystemError } from "../errors.ts";
import { withProgramName } from "./program-name.ts";

const STDOUT = 1;
const STDERR = 2;
/** Lines wait for each other up to so many characters. */
const BLOCK_CHARACTERS = 1 << 16;
const RETRY_MS = 5;
const DEFAULT_COLUMNS = 80;

/** How a piece of text looks on a terminal. */
export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";
const sequences: Readonly<Record<Style, string>> = {
  bold: "\x1b[1m",
  dim: "\x1b[2m",
  red: "\x1b[31m",
  green: "\x1b[32m",
  yellow: "\x1b[33m",
  cyan: "\x1b[36m",
};

/**
 * Where a command's words go: results to stdout, text for people beside them to stderr.
 *
 * Lines of stdout are collected and written in order by themselves; `flush` waits for them. Whoever writes much
 * uses `write` and waits for it, so that memory does not grow while the reader is slow.
 */
export class Output {
  readonly isTerminal = isatty(STDOUT);
  readonly isErrorTerminal = isatty(STDERR);
  private readonly mayColour: boolean;
  private readonly askedColumns: number | null;
  private waiting: string[] = [];
  private waitingCharacters = 0;
  private lastWrite: Promise<void> = Promise.resolve();
  private failure: unknown = null;

  /** @param program the name that the program was called by */
  constructor(
    config: Config,
    private readonly program: string,
  ) {
    this.mayColour = config.mayColour;
    this.askedColumns = config.columns;
  }

  /** A text with our commands under the name that the program was called by; for hints among results. */
  named(text: string): string {
    return withProgramName(text, this.program);
  }

  /** Width of stdout in columns. */
  get columns(): number {
    // Asked for only on a terminal, because the first touch of process.stdout costs milliseconds.
    return this.askedColumns ?? ((this.isTerminal ? process.stdout.columns : 0) || DEFAULT_COLUMNS);
  }

  /** Width of stderr in columns. */
  get errorColumns(): number {
    return this.askedColumns ?? ((this.isErrorTerminal ? process.stderr.columns : 0) || DEFAULT_COLUMNS);
  }

  /** One line of a result. */
  line(text = ""): void {
    this.waiting.push(text);
    this.waitingCharacters += text.length + 1;
    if (this.waitingCharacters >= BLOCK_CHARACTERS) this.writeWaiting();
    else if (this.waiting.length === 1) queueMicrotask(() => this.writeWaiting());
  }

  /** One JSON object of a result, on a line of its own. */
  json(value: unknown): void {
    this.line(JSON.stringify(value));
  }

  /**
   * A large part of a result; wait for it before the next, and do not change the bytes until then.
   *
   * @throws FoldError, `no_space` for a full disk; the system's error EPIPE when the reader is gone
   */
  async write(bytes: Uint8Array): Promise<void> {
    this.writeWaiting();
    this.queue(bytes);
    await this.flush();
  }

  /**
   * A large part of a result, written before it returns: for loops that cannot wait. Nothing else may be waiting.
   *
   * @throws FoldError, `no_space` for a full disk; the system's error EPIPE when the reader is gone
   */
  writeNow(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      try {
        at += writeSync(STDOUT, bytes, at);
      } catch (error) {
        if (!isFull(error)) throw toldError(error);
        Bun.sleepSync(RETRY_MS);
      }
    }
  }

  /**
   * Wait until all of the results are written.
   *
   * @throws FoldError, `no_space` for a full disk; the system's error EPIPE when the reader is gone
   */
  async flush(): Promise<void> {
    this.writeWaiting();
    await this.lastWrite;
    if (this.failure !== null) throw this.failure;
  }

  /**
   * A line for people on stderr, with our commands as they can be typed. On a terminal it takes the place of a
   * progress line that may stand there.
   */
  note(text: string): void {
    const named = this.named(text);
    this.error(this.isErrorTerminal ? `\r\x1b[K${named}\n` : `${named}\n`);
  }

  /** A warning for people on stderr. */
  warn(text: string): void {
    this.note(`${this.errorStyle("yellow", "warning:")} ${text}`);
  }

  /** Raw text for stderr: progress bars above all. */
  error(text: string): void {
    const bytes = new TextEncoder().encode(text);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(STDERR, bytes, at);
    } catch {
      // Nobody can be told that stderr is gone, and the result does not depend on it.
    }
  }

  /** Colour for stdout, where that is a terminal. */
  style(style: Style, text: string): string {
    return this.isTerminal && this.mayColour ? `${sequences[style]}${text}\x1b[0m` : text;
  }

  /** Colour for stderr, where that is a terminal. */
  errorStyle(style: Style, text: string): string {
    return this.isErrorTerminal && this.mayColour ? `${sequences[style]}${text}\x1b[0m` : text;
  }

  private writeWaiting(): void {
    if (this.waiting.length === 0) return;
    const text = `${this.waiting.join("\n")}\n`;
    this.waiting = [];
    this.waitingCharacters = 0;
    this.queue(new TextEncoder().encode(text));
  }

  private queue(bytes: Uint8Array): void {
    this.lastWrite = this.lastWrite.then(async () => {
      if (this.failure !== null) return;
      try {
        await writeAll(bytes);
      } catch (error) {
        this.failure = error;
      }
    });
  }
}

/** Write to stdout from a thread of the system, so that signals are heard while a slow reader blocks. */
async function writeAll(bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += await writeSome(bytes, at);
    } catch (error) {
      if (!isFull(error)) throw toldError(error);
      await Bun.sleep(RETRY_MS);
    }
  }
}

/** A pipe that somebody else has made non-blocking is full: its reader is slow. */
function isFull(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "EAGAIN";
}

/** What users can act on; a reader that is gone is no mistake, and is told apart by whoever catches it. */
function toldError(error: unknown): unknown {
  return hasCode(error, "EPIPE") ? error : fromSystemError(error, "write to", "the standard output");
}

function writeSome(bytes: Uint8Array, at: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(STDOUT, bytes, at, bytes.length - at, null, (error, count) => (error ? reject(error) : resolve(count)));
  });
}
