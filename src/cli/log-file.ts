import { mkdirSync, openSync, readdirSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { LogEntry } from "./work-log.ts";

/** Logs of so many workers are kept. */
const MOST_FILES = 100;
const ENDING = ".jsonl";

/**
 * The log of one worker in `logs/` of the state directory: one JSON object a line.
 *
 * A log that cannot be written keeps nobody from working.
 */
export class LogFile {
  private readonly path: string;
  /** Open from the first line to the end of the process. */
  private file: number | null = null;

  constructor(folder: string, worker: string, started: Date) {
    const stamp = started.toISOString().slice(0, 19).replaceAll(":", "");
    this.path = join(folder, `${stamp}-${worker.replace(/[^\w.-]+/g, "_")}${ENDING}`);
    try {
      mkdirSync(folder, { recursive: true });
      // Names begin with the time, so the first are the oldest.
      const old = readdirSync(folder)
        .filter((name) => name.endsWith(ENDING))
        .sort();
      for (const name of old.slice(0, Math.max(0, old.length - MOST_FILES + 1)))
        rmSync(join(folder, name), { force: true });
    } catch {
      // See above.
    }
  }

  add({ time, level, event, message, fields }: LogEntry): void {
    try {
      this.file ??= openSync(this.path, "a");
      writeSync(this.file, `${JSON.stringify({ time, level, event, message, ...fields })}\n`);
    } catch {
      // See above.
    }
  }
}
