/** The sources of all threads, below src/. Each is an entry point of its own in the executable (scripts/compile.ts). */
export const THREADS = ["jobs/walk-worker", "jobs/heartbeat-worker", "store/member-worker"] as const;

/**
 * Start a thread.
 *
 * In the executable it is a file beside main, as its path is below src/; from the sources it is its own source.
 *
 * @example
 * const thread = startThread("jobs/walk-worker");
 */
export function startThread(source: (typeof THREADS)[number]): Worker {
  const ending = Bun.isStandaloneExecutable ? "js" : "ts";
  return new Worker(new URL(`./${source}.${ending}`, import.meta.url).href);
}
