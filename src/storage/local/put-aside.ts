import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { FoldError, type FoldErrorCode } from "../../errors.ts";
import { statOf } from "../../store/files.ts";
import { pathOfName } from "../names.ts";
import type { JobEntry, JobFailure } from "../port.ts";
import type { ArchiveShelf } from "./archive-shelf.ts";
import { pairKey, type RefusedPairs } from "./claim-merges.ts";
import { firstRecord, type TextClaims } from "./claim-texts.ts";
import { makeFolder, move, readIfThere, remove, writeWhole } from "./files.ts";
import { filesBelow, type Layout } from "./layout.ts";
import { isOwned, release, SOURCE } from "./ownership.ts";
import { putBack } from "./shelving.ts";
import { type JobRecord, parse, readRecord, workFolders } from "./work-folder.ts";

const BESIDE = ".error.json";

/** Inside the folder of a job: that it is to be put aside is decided. */
const DECISION = "reason.json";

/** Why a job was put aside, beside its text in failed/. */
export interface Reason extends Omit<JobFailure, "isFinal"> {
  readonly job: JobRecord;
  /** Where its text is or will be, below failed/. */
  readonly place: string;
}

/**
 * Jobs that were put aside, with the reason of each. What is left after a crash tells how far it came:
 *
 *     1. reason.json stands in the job's folder        from here on it is put aside, by recovery if need be
 *     2. a copy of it stands in failed/                crash: a reason without its text, which counts as none
 *     3. the text is beside it, archives are put back
 *     4. the folder is removed
 *
 * So a merge is refused before its archives can be claimed again, and no text lies in failed/ without its reason.
 */
export class PutAside {
  constructor(
    private readonly layout: Layout,
    private readonly shelf: ArchiveShelf,
    private readonly texts: TextClaims,
  ) {}

  /** Put a job aside whose folder is the caller's. */
  async put(folder: string, job: JobRecord, { code, message, hint }: Omit<JobFailure, "isFinal">): Promise<void> {
    const reason: Reason = { code, message, hint, job, place: this.freePlace(job) };
    writeWhole(join(folder, DECISION), JSON.stringify(reason, null, 1));
    await this.carryOut(folder, reason);
  }

  /** Go on where a crash has interrupted `put`; false when the job of this folder is not to be put aside. */
  async goOn(folder: string): Promise<boolean> {
    const reason = readReason(join(folder, DECISION));
    if (reason === null) return false;
    if (reason.job.kind === "text" && !existsSync(join(folder, SOURCE))) {
      remove(folder);
      return true;
    }
    // Another text of its name may be there by now, or a file where a folder was to be.
    const isTaken = existsSync(join(this.layout.failed, reason.place)) || this.isBelowFile(reason.place);
    const place = isTaken ? this.freePlace(reason.job) : reason.place;
    await this.carryOut(folder, { ...reason, place });
    return true;
  }

  private async carryOut(folder: string, reason: Reason): Promise<void> {
    const { job } = reason;
    const place = join(this.layout.failed, reason.place);
    makeFolder(dirname(place));
    // Written in the job's folder, so that no half of it stays in failed/.
    const copy = join(folder, "beside.json");
    writeWhole(copy, JSON.stringify(reason, null, 1));
    move(copy, `${place}${BESIDE}`);
    if (job.kind === "text") move(join(folder, SOURCE), place);
    else await putBack(this.shelf, folder, job.archives);
    remove(folder);
  }

  /** Merges that have failed for good: their archives stay apart until somebody asks for another try. */
  refusedPairs(): RefusedPairs {
    // By their names first: thousands of texts that were put aside are not read for every claim.
    const reasons = this.allReasons((path) => path.startsWith("merge-"));
    return new Set(reasons.filter(({ job }) => job.kind === "merge").map(({ job }) => pairKey(job.archives)));
  }

  list(): JobEntry[] {
    return this.reasons().map(({ job, code, message, hint }) => ({
      id: job.id,
      kind: job.kind,
      name: job.name,
      state: "failed",
      size_bytes: job.size_bytes,
      failures: job.failures,
      worker: null,
      heartbeat_age_ms: null,
      progress: null,
      failure: { code, message, hint },
    }));
  }

  /**
   * Let a job wait again, of several with that id the one that was put aside first; false when there is none here.
   *
   * @throws FoldError `usage` where another text waits under its name; `failed` while an archive of it is being
   * merged; `not_found` when one is gone: then there is nothing to be tried again, and the job is over
   */
  retry(id: string): boolean {
    const found = this.firstOf(id);
    if (found === null) return false;
    const { job } = found;
    const place = join(this.layout.failed, found.place);
    const missing = job.archives.filter((name) => !this.shelf.has(name));
    if (missing.length > 0) {
      if (this.isBeingMerged(missing)) throw cannotRetry(id, "is being merged", "try again when that merge has ended");
      remove(`${place}${BESIDE}`);
      const hint = "it is over; its other archives are free for other merges";
      throw cannotRetry(id, "went into another merge, or was removed", hint, "not_found");
    }
    if (job.input !== null) return this.letWait(place, job.input);
    remove(`${place}${BESIDE}`);
    return true;
  }

  /**
   * Give a text back, as if it had been claimed from input/: nothing there can be buried by it, and after a crash it is
   * recovered as any job.
   *
   * The reason goes last, and into the folder: whoever sleeps meanwhile for so long that the job was recovered, and has
   * failed again, has no such folder any more, and does not take the new reason away.
   */
  private letWait(place: string, input: string): boolean {
    const waiting = join(this.layout.input, input);
    if (existsSync(waiting)) {
      throw new FoldError("usage", `${waiting} is there already`, "rename or remove one of the two texts");
    }
    const size_bytes = statOf(place)?.size;
    if (size_bytes === undefined) return false;
    makeFolder(this.layout.inProcess);
    const record: JobRecord = { ...firstRecord(input), size_bytes, number: 0, worker: null };
    const { id, name } = record;
    // Two that wait might be claimed and published at the same moment.
    if (workFolders(this.layout.inProcess).some((folder) => folder.id === id && folder.state === "free")) {
      throw new FoldError("usage", `another text called ${name} waits already`, "try again when that one is folded");
    }
    const folder = this.texts.take(place, record);
    if (folder === null) return false;
    try {
      const reason = join(folder, "retried.json");
      if (move(`${place}${BESIDE}`, reason)) remove(reason);
      release(this.layout.inProcess, folder, id);
    } catch (error) {
      if (isOwned(folder)) throw error;
    }
    return true;
  }

  private firstOf(id: string): Reason | null {
    const found = this.reasons().filter(({ job }) => job.id === id);
    const since_ms = new Map(found.map(({ place }) => [place, this.since_ms(place)]));
    // The numbers of places alone do not tell: the first one becomes free again.
    const order = (a: string, b: string) =>
      (since_ms.get(a) ?? 0) - (since_ms.get(b) ?? 0) || a.length - b.length || (a < b ? -1 : 1);
    return found.sort((a, b) => order(a.place, b.place))[0] ?? null;
  }

  /** When a job was put aside. */
  private since_ms(place: string): number {
    return statOf(join(this.layout.failed, `${place}${BESIDE}`))?.mtimeMs ?? 0;
  }

  private isBeingMerged(names: readonly string[]): boolean {
    const merged = workFolders(this.layout.inProcess).flatMap(({ path }) => readRecord(path)?.archives ?? []);
    return merged.some((name) => names.includes(name));
  }

  /** Remove reasons whose text waits again, by a retry that was interrupted, or went back to input/ by hand. */
  tidyUp(): void {
    const isOrphan = ({ job, place }: Reason) => job.kind === "text" && !existsSync(join(this.layout.failed, place));
    const orphans = this.allReasons().filter(isOrphan);
    if (orphans.length === 0) return;
    // Read after the reasons: whoever is at step 2 still has a folder, and whoever has none any more has the text here.
    const isBusy = (path: string) => existsSync(join(path, DECISION)) || !existsSync(path);
    const folders = workFolders(this.layout.inProcess).filter(({ path }) => isBusy(path));
    const busy = new Set(folders.map(({ id }) => id));
    for (const orphan of orphans) {
      if (busy.has(orphan.job.id) || !isOrphan(orphan)) continue;
      remove(join(this.layout.failed, `${orphan.place}${BESIDE}`));
    }
  }

  private reasons(): Reason[] {
    return this.allReasons().filter(
      ({ job, place }) => job.kind === "merge" || existsSync(join(this.layout.failed, place)),
    );
  }

  private allReasons(isWanted: (path: string) => boolean = () => true): Reason[] {
    return filesBelow(this.layout.failed).flatMap((path) => {
      if (!path.endsWith(BESIDE) || !isWanted(path)) return [];
      const reason = readReason(join(this.layout.failed, path));
      // Where it is counts, not where it was put: somebody may have moved the two.
      return reason === null ? [] : [{ ...reason, place: path.slice(0, -BESIDE.length) }];
    });
  }

  /** A free place below failed/: an earlier text of that name is not overwritten, and no file is taken for a folder. */
  private freePlace(job: JobRecord): string {
    const parts = pathOfName(job.input ?? job.id).split("/");
    const name = parts.pop() ?? "";
    const folder = parts.reduce((above, part) => numbered(above, part, (path) => !this.isFile(path)), "");
    const isFree = (path: string) => !existsSync(join(this.layout.failed, path));
    return numbered(folder, name, (path) => isFree(path) && isFree(`${path}${BESIDE}`));
  }

  private isBelowFile(place: string): boolean {
    const above = dirname(place);
    return above !== "." && (this.isFile(above) || this.isBelowFile(above));
  }

  private isFile(path: string): boolean {
    return statOf(join(this.layout.failed, path))?.isFile() ?? false;
  }
}

/** A path below a folder, with a number before its name where without it is not free. */
function numbered(folder: string, name: string, isFree: (path: string) => boolean): string {
  for (let number = 1; ; number++) {
    const path = join(folder, number === 1 ? name : `${number}-${name}`);
    if (isFree(path)) return path;
  }
}

function cannotRetry(id: string, why: string, hint: string, code: FoldErrorCode = "failed"): FoldError {
  return new FoldError(code, `job ${id} cannot be tried again: an archive of it ${why}`, hint);
}

function readReason(path: string): Reason | null {
  const reason = parse<Reason>(readIfThere(path));
  return typeof reason?.job?.id === "string" && typeof reason.place === "string" ? reason : null;
}
