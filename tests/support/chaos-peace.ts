// The end of a time of disturbances: workers are left in peace until all is done.
import type { Ended } from "./binary.ts";

/** An undisturbed worker is given up after so long. */
const PATIENCE_MS = 240_000;
const MOST_ROUNDS = 6;

/** A worker that was started. */
export interface Worker {
  readonly exited: Promise<number>;
  kill(signal: NodeJS.Signals): void;
}

/** What can be done with workers and their jobs. */
export interface Peace {
  /** Start workers; all that are running, those of before included. */
  readonly start: () => readonly Worker[];
  /** The ids of the jobs that were put aside. */
  readonly failed: () => Promise<readonly string[]>;
  /** Call `fold retry` for a job. */
  readonly retry: (id: string) => Promise<Ended>;
}

/** Let workers do what is left; jobs that were lost too often are tried again. How many those were. */
export async function workInPeace({ start, failed, retry }: Peace): Promise<number> {
  let retried = 0;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const workers = start();
    const patience = setTimeout(() => {
      for (const worker of workers) worker.kill("SIGKILL");
    }, PATIENCE_MS);
    await Promise.all(workers.map((worker) => worker.exited));
    clearTimeout(patience);
    const ids = await failed();
    if (ids.length === 0) break;
    retried += ids.length;
    for (const id of ids) {
      const { exit, stderr } = await retry(id);
      // A merge whose archives went into another one is over.
      const isOver = exit === 5 && stderr.includes("went into another merge");
      if (exit !== 0 && !isOver) throw new Error(`fold retry ${id} ended with ${exit}: ${stderr}`);
    }
  }
  return retried;
}
