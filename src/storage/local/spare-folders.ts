import { join } from "node:path";
import type { Clock } from "./clock.ts";
import { moveQuickly, namesIn, overwrite, remove, removeIn } from "./files.ts";
import { type JobRecord, newToken, RECORD } from "./work-folder.ts";

const NAME = /^spare-([a-z0-9]+)-/;
/** Behind the name of one that is being removed. */
const OLD = "-old";
/** No process has more: so many jobs may be over before the next is claimed. */
const MOST = 16;

/**
 * The folders of jobs that are over, kept by their process for the next ones: `in_process/spare-<time>-<random>`, with
 * nothing in them but the record of the job that was. Some file systems take as long to make a folder and a file as a short
 * text takes to fold, and rename both in no time.
 *
 * They are nobody's job. Whoever finds one that has grown old removes it, and its owner then does without.
 */
export class SpareFolders {
  private readonly paths: string[] = [];

  constructor(
    private readonly inProcess: string,
    private readonly clock: Clock,
  ) {}

  /** Take over the folder of a job that is over, and remove all in it; where there are enough, it goes as a whole. */
  keep(folder: string): void {
    if (this.paths.length === MOST) {
      remove(folder);
      return;
    }
    removeIn(folder, (name) => name === RECORD);
    const spare = join(this.inProcess, `spare-${newToken(this.clock.wall_ms())}`);
    if (moveQuickly(folder, spare)) this.paths.push(spare);
  }

  /**
   * Make one the folder of a job, with a record that need not survive a power cut.
   *
   * @returns false when there is none
   */
  use(folder: string, record: JobRecord): boolean {
    const path = this.paths.pop();
    // The record comes first: under a job's name it would be taken for that job's.
    return path !== undefined && overwrite(join(path, RECORD), JSON.stringify(record)) && moveQuickly(path, folder);
  }

  /** There is no next job. */
  close(): void {
    for (const path of this.paths.splice(0)) remove(path);
  }
}

/** Remove the spare folders of processes that have ended without it, known by their age. */
export function removeOldSpares(inProcess: string, clock: Clock, old_ms: number): void {
  for (const name of namesIn(inProcess)) {
    const match = NAME.exec(name);
    if (match === null || clock.wall_ms() - Number.parseInt(match[1], 36) < old_ms) continue;
    const path = join(inProcess, name);
    // Out of its owner's reach first, who may be about to use it. No two have the same new name: two may be of one moment.
    const old = name.endsWith(OLD) ? path : `${path}${OLD}`;
    if (old === path || moveQuickly(path, old)) remove(old);
  }
}
