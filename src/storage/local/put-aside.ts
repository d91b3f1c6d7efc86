import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { FoldError } from "../../errors.ts";
import type { JobEntry, JobFailure } from "../port.ts";
import type { ArchiveShelf } from "./archive-shelf.ts";
import { makeFolder, move, readIfThere, remove, writeWhole } from "./files.ts";
import { filesBelow, type Layout } from "./layout.ts";
import { inputPath, SOURCE } from "./ownership.ts";
import type { JobRecord } from "./work-folder.ts";

const REASON = ".error.json";

/** Why a job was put aside, beside its text in failed/. */
export interface Reason extends Omit<JobFailure, "isFinal"> {
  readonly job: JobRecord;
}

/** Jobs that were put aside, with the reason of each. */
export class PutAside {
  constructor(
    private readonly layout: Layout,
    private readonly shelf: ArchiveShelf,
  ) {}

  /** Put a job aside whose folder is the caller's: the reason first, then what it worked on, then the rest goes. */
  put(folder: string, job: JobRecord, { code, message, hint }: Omit<JobFailure, "isFinal">): void {
    const place = this.placeOf(job);
    makeFolder(dirname(place));
    const reason: Reason = { code, message, hint, job };
    writeWhole(`${place}${REASON}`, JSON.stringify(reason, null, 1));
    if (job.kind === "text") move(join(folder, SOURCE), place);
    else
      job.archives.forEach((name, number) => {
        if (existsSync(inputPath(folder, number))) this.shelf.publish(inputPath(folder, number), name);
      });
    remove(folder);
  }

  /** A pair of archives whose merge has failed for good: they stay apart until somebody asks for another try. */
  isRefused(pair: readonly string[]): boolean {
    const wanted = [...pair].sort().join("\n");
    return this.reasons().some(({ job }) => job.kind === "merge" && [...job.archives].sort().join("\n") === wanted);
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

  /** Let a job wait again; false when there is none of that id here. */
  retry(id: string): boolean {
    const found = this.reasons().find(({ job }) => job.id === id);
    if (found === undefined) return false;
    const { job, place } = found;
    if (job.input !== null) {
      const input = join(this.layout.input, job.input);
      if (existsSync(input)) {
        throw new FoldError("usage", `${input} is there already`, "rename or remove one of the two texts");
      }
      makeFolder(dirname(input));
      move(place, input);
    }
    remove(`${place}${REASON}`);
    return true;
  }

  private reasons(): (Reason & { place: string })[] {
    return filesBelow(this.layout.failed).flatMap((path) => {
      if (!path.endsWith(REASON)) return [];
      const place = join(this.layout.failed, path.slice(0, -REASON.length));
      const reason = parse(readIfThere(`${place}${REASON}`));
      // A crash came between the reason and the text: the job is still in process.
      if (reason === null || (reason.job.kind === "text" && !existsSync(place))) return [];
      return [{ ...reason, place }];
    });
  }

  /** A free place below failed/: an earlier text of that name is not overwritten. */
  private placeOf(job: JobRecord): string {
    const path = join(this.layout.failed, job.input ?? job.id);
    for (let number = 1; ; number++) {
      const place = number === 1 ? path : join(dirname(path), `${number}-${basename(path)}`);
      if (!existsSync(place)) return place;
    }
  }
}

function parse(text: string | null): Reason | null {
  if (text === null) return null;
  try {
    const reason = JSON.parse(text) as Reason;
    return typeof reason?.job?.id === "string" ? reason : null;
  } catch {
    return null;
  }
}
