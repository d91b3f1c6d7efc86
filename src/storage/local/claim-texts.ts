import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Attempt, JobWanted } from "../port.ts";
import type { Clock } from "./clock.ts";
import { makeSubfolder, moveQuickly, remove } from "./files.ts";
import { idOfInput, type Layout, nameOfInput, textsBelow } from "./layout.ts";
import { attemptOf, SOURCE } from "./ownership.ts";
import type { SpareFolders } from "./spare-folders.ts";
import { folderPath, type JobRecord, newToken, noteOrigin, type WorkFolder, writeFirstRecord } from "./work-folder.ts";

/**
 * Claims texts from input/: first a folder of one's own with the job's record (a new one, or that of the job
 * before: spare-folders.ts), then the text is renamed into it.
 *
 * The rename is the claim: of all who try, one succeeds. A crash before it leaves a folder without a text, which
 * recovery removes; a crash after it leaves a job with a record, which recovery gives back. A power cut may leave it
 * without one, and then it is known where the text came from (work-folder.ts, ORIGIN).
 */
export class TextClaims {
  /** Texts of the last listing that were not tried yet: a folder of thousands is not read for every claim. */
  private waiting: string[] = [];
  /** The text before has gone to somebody else. */
  private isBeaten = false;

  constructor(
    private readonly layout: Layout,
    private readonly clock: Clock,
    private readonly spare: SpareFolders,
  ) {}

  /**
   * Claim the next text; null when none is left.
   *
   * @param inProcess the jobs that others are at, or that were given back
   */
  claim(wanted: JobWanted, inProcess: readonly WorkFolder[]): Attempt | null {
    const busy = new Set(inProcess.map(({ id }) => id));
    for (let listings = 0; listings < 2; listings++) {
      for (let path = this.waiting.shift(); path !== undefined; path = this.waiting.shift()) {
        const found = this.claimText(path, wanted, busy);
        if (found === "gone") this.goElsewhere();
        else this.isBeaten = false;
        if (typeof found === "object") return found;
      }
      if (listings === 0) this.waiting = textsBelow(this.layout.input);
    }
    return null;
  }

  /**
   * Another worker was faster. All have the same list: who goes through it side by side with others makes a folder again
   * and again for a text that one of them takes. So the first time it is left for another place, by chance.
   */
  private goElsewhere(): void {
    if (this.isBeaten) return;
    this.isBeaten = true;
    const place = Math.floor(Math.random() * this.waiting.length);
    this.waiting = [...this.waiting.slice(place), ...this.waiting.slice(0, place)];
  }

  /** Claim a text; `left` where it is not for us. */
  private claimText(path: string, wanted: JobWanted, busy: ReadonlySet<string>): Attempt | "gone" | "left" {
    const text = join(this.layout.input, path);
    if (wanted.id !== undefined && wanted.id !== idOfInput(path)) return "left";
    // Of most that somebody else has taken nothing more is asked.
    const size_bytes = statSync(text, { throwIfNoEntry: false })?.size;
    if (size_bytes === undefined) return "gone";
    const record = { ...firstRecord(path), size_bytes, number: 1, worker: wanted.worker };
    // A new text under the name of one that is being folded waits for its turn.
    if (size_bytes > (wanted.most_bytes?.text ?? Infinity) || busy.has(record.id)) return "left";
    const folder = this.take(text, record);
    return folder === null ? "gone" : attemptOf(folder, record, wanted);
  }

  /**
   * Take a text into a folder of its own in `in_process/`, with a record.
   *
   * @param text the file, in input/ or elsewhere in the state directory
   * @returns the folder; null when the text is gone
   */
  take(text: string, record: JobRecord): string | null {
    const folder = folderPath(this.layout.inProcess, record.id, newToken(this.clock.wall_ms()), "work");
    const isSpare = this.spare.use(folder, record);
    if (!isSpare) makeSubfolder(folder);
    return inOwnFolder(folder, () => {
      if (!isSpare || !noteOrigin(folder, record)) writeFirstRecord(folder, record);
      return moveQuickly(text, join(folder, SOURCE)) ? folder : null;
    });
  }
}

/** What is known of the job of a text from its path below input/. */
export function firstRecord(input: string): Omit<JobRecord, "size_bytes" | "number" | "worker"> {
  return { id: idOfInput(input), kind: "text", name: nameOfInput(input), input, archives: [], failures: 0 };
}

/**
 * Claim something into a folder that was made for it. Nothing of the folder stays when that came to nothing.
 *
 * @returns null also when the claimer was suspended for so long that its folder was tidied away
 */
export function inOwnFolder<T>(folder: string, claim: () => T | null): T | null {
  try {
    const claimed = claim();
    if (claimed === null) removeUnlessClaimed(folder);
    return claimed;
  } catch (error) {
    if (!existsSync(folder)) return null;
    removeUnlessClaimed(folder);
    throw error;
  }
}

/** Some network file systems rename and say that they could not: the text must not go with the folder. */
function removeUnlessClaimed(folder: string): void {
  if (!existsSync(join(folder, SOURCE))) remove(folder);
}
