import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { sha256 } from "../archive/manifest.ts";
import { FoldError, fromSystemError } from "../errors.ts";
import type { Attempt, Storage } from "../storage/port.ts";
import { KEY_FILE } from "./spill.ts";

/** So many parts are on their way at once, there and back: nobody works while he waits for the parts of others. */
const [PUT_AT_ONCE, FETCHED_AT_ONCE] = [2, 8];
const KEY_DIGITS = 16;

/**
 * The finished parts of a job whose folder is gone with its machine: they are put into the storage behind the walk's
 * back, and the next attempt fetches them before it starts.
 *
 * A part's name tells of which fold it is, for attempts of other versions of fold may have left theirs under the same
 * numbers; and it is there when it is whole. So whatever arrived is something to go on from. A part that cannot be put
 * aside is walked again, should it come to that: it keeps nobody from finishing the job.
 */
export class PartsElsewhere {
  private readonly started_ms = performance.now();
  /** Files that are not on their way yet, oldest first. */
  private readonly waiting: string[] = [];
  private readonly underWay = new Set<Promise<void>>();
  private readonly prefix: string;
  private isOver = false;

  /**
   * @param folder the work folder of the attempt's archive (spill.ts)
   * @param key of the fold: names all that its parts depend on
   * @param after_ms nothing is put aside before: a job that is done in less time starts anew in as little
   */
  constructor(
    private readonly storage: Storage,
    private readonly attempt: Attempt,
    private readonly folder: string,
    private readonly key: string,
    private readonly after_ms: number,
  ) {
    this.prefix = `${sha256(new TextEncoder().encode(key)).slice(0, KEY_DIGITS)}.`;
  }

  /**
   * Bring what earlier attempts have finished into the work folder.
   *
   * @param signal aborted: no more than what is on its way is brought. Of a large job there are thousands of parts, and
   * whoever stops a worker, or has its job by now, does not wait for them
   * @throws FoldError `interrupted`, errors of disk and storage
   */
  async fetch(signal: AbortSignal): Promise<void> {
    // Before the first attempt there was none.
    if (this.attempt.number === 1) return;
    const names = (await this.storage.listChunks(this.attempt)).filter((name) => name.startsWith(this.prefix));
    if (names.length === 0) return;
    makeFolder(this.folder);
    writeFile(join(this.folder, KEY_FILE), this.key);
    const next = async (): Promise<void> => {
      for (let name = names.shift(); name !== undefined && !signal.aborted; name = names.shift()) {
        const bytes = await this.storage.readChunk(this.attempt, name);
        if (bytes !== null) writeFile(join(this.folder, name.slice(this.prefix.length)), bytes);
      }
    };
    await Promise.all(Array.from({ length: FETCHED_AT_ONCE }, next));
    if (signal.aborted) throw new FoldError("interrupted", "stopped before the end", "start the worker again");
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
    while (!this.isOver && this.waiting.length > 0 && this.underWay.size < PUT_AT_ONCE) {
      const sending = this.sendNext().then((isSent) => {
        this.underWay.delete(sending);
        // After a failure the next part is the next try.
        if (isSent) this.goOn();
      });
      this.underWay.add(sending);
    }
  }

  /** Send the next part; whether it arrived. */
  private async sendNext(): Promise<boolean> {
    const file = this.waiting.shift();
    if (file === undefined) return false;
    try {
      await this.storage.spillChunk(this.attempt, `${this.prefix}${basename(file)}`, readFileSync(file));
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

function writeFile(path: string, content: Uint8Array | string): void {
  try {
    writeFileSync(path, content);
  } catch (error) {
    throw fromSystemError(error, "write the file", path);
  }
}
