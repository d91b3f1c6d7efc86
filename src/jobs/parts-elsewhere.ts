import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { FoldError, fromSystemError } from "../errors.ts";
import type { Attempt, Storage } from "../storage/port.ts";
import { KEY_FILE } from "./spill.ts";

/** So many parts are on their way at once. */
const AT_ONCE = 2;

/**
 * The finished parts of a job whose folder is gone with its machine: they are put into the storage behind the walk's
 * back, and the next attempt fetches them before it starts.
 *
 * The key goes first and a part is there when it is whole, so whatever arrived is something to go on from. A part that
 * cannot be put aside is walked again, should it come to that: it keeps nobody from finishing the job.
 */
export class PartsElsewhere {
  private readonly started_ms = performance.now();
  /** Files that are not on their way yet, oldest first. */
  private readonly waiting: string[] = [];
  private readonly underWay = new Set<Promise<void>>();
  private hasKey = false;
  private isOver = false;

  /**
   * @param folder the work folder of the attempt's archive (spill.ts)
   * @param after_ms nothing is put aside before: a job that is done in less time starts anew in as little
   */
  constructor(
    private readonly storage: Storage,
    private readonly attempt: Attempt,
    private readonly folder: string,
    private readonly after_ms: number,
  ) {}

  /** Bring what earlier attempts have finished into the work folder. */
  async fetch(): Promise<void> {
    // Before the first attempt there was none.
    if (this.attempt.number === 1) return;
    const names = await this.storage.listChunks(this.attempt);
    if (!names.includes(KEY_FILE)) return;
    makeFolder(this.folder);
    for (const name of names) {
      const bytes = await this.storage.readChunk(this.attempt, name);
      if (bytes !== null) writePart(join(this.folder, name), bytes);
    }
    this.hasKey = true;
  }

  /** A part is finished. */
  put(file: string): void {
    this.waiting.push(file);
    this.goOn();
  }

  /**
   * Nothing is finished any more.
   *
   * @param isDone the job is: what was not put aside yet need not be
   */
  async end(isDone: boolean): Promise<void> {
    if (isDone) this.isOver = true;
    this.goOn();
    while (this.underWay.size > 0) await Promise.all(this.underWay);
  }

  private goOn(): void {
    if (performance.now() - this.started_ms < this.after_ms) return;
    while (!this.isOver && this.waiting.length > 0 && this.underWay.size < (this.hasKey ? AT_ONCE : 1)) {
      const sending = this.sendNext().then((isSent) => {
        this.underWay.delete(sending);
        // After a failure the next part is the next try.
        if (isSent) this.goOn();
      });
      this.underWay.add(sending);
    }
  }

  /** Send the key, or else the next part; whether it arrived. */
  private async sendNext(): Promise<boolean> {
    const file = this.hasKey ? this.waiting.shift() : join(this.folder, KEY_FILE);
    if (file === undefined) return false;
    try {
      await this.storage.spillChunk(this.attempt, basename(file), readFileSync(file));
      this.hasKey = true;
      return true;
    } catch (error) {
      // The heartbeat finds out that a lease is lost, and stops the walk.
      const mayComeBack = error instanceof FoldError && error.code !== "lease_lost";
      if (!mayComeBack) this.isOver = true;
      return false;
    }
  }
}

function makeFolder(folder: string): void {
  try {
    // Not with the folders above it: a job whose folder was taken away must not make it anew.
    mkdirSync(folder);
  } catch (error) {
    throw fromSystemError(error, "create the folder", folder);
  }
}

function writePart(path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(path, bytes);
  } catch (error) {
    throw fromSystemError(error, "write the file", path);
  }
}
