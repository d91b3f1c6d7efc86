import { totalmem } from "node:os";
import type { Attempt, JobKind } from "../storage/port.ts";

/**
 * How much memory a job takes, foreseen from the size of its text.
 *
 * The figures bound what was measured (scripts/bench/memory.ts): texts of 46 kB to 21 MB on one, two and four threads,
 * with the walk under way for half a minute, and whole folds of up to two billion orthos. Sentences repeat words and
 * phrases the more the longer a text is, so what a thread remembers of them grows with less than the text.
 */
const FIXED_MB = 100;
const INDEX_MB_PER_MB = 30;
const THREAD_MB = 40;
const THREAD_MB_PER_ROOT_MB = 90;
/** A text is about twice as large as its sentences in an archive. */
const TEXT_PER_INTERNER = 2;
/** What a worker takes unless it is told otherwise. */
const USUAL_SHARE = 0.75;

/** A job, as far as its memory goes. */
type Sized = Pick<Attempt, "kind" | "size_bytes">;

/** On how many threads a job runs, and what it takes there. */
export interface MemoryPlan {
  readonly threads: number;
  readonly need_bytes: number;
}

/** Memory that a text of a size needs on some threads, in bytes. */
export function need_bytes(text_bytes: number, threads: number): number {
  const size_mb = text_bytes / 1e6;
  const perThread_mb = THREAD_MB + THREAD_MB_PER_ROOT_MB * Math.sqrt(size_mb);
  return Math.ceil((FIXED_MB + INDEX_MB_PER_MB * size_mb + threads * perThread_mb) * 1e6);
}

/** As many threads as the budget allows, one at least: whatever is claimed was found to fit on one. */
export function planMemory({ kind, size_bytes }: Sized, wanted: number, budget_bytes: number): MemoryPlan {
  const text_bytes = kind === "text" ? size_bytes : size_bytes * TEXT_PER_INTERNER;
  const threads = threadsThatFit(text_bytes, wanted, budget_bytes);
  return { threads, need_bytes: need_bytes(text_bytes, threads) };
}

/** What to give a worker so that it takes the smallest of these jobs, on one thread: `150MB`. */
export function memoryToGive(jobs: readonly Sized[]): string {
  const least_bytes = Math.min(...jobs.map((job) => planMemory(job, 1, 0).need_bytes));
  // Strictly more, for limits are rounded down.
  return `${Math.floor(least_bytes / 1e6) + 1}MB`;
}

/** As many threads as fit into a budget for a text of a size; one, even where that does not fit. */
export function threadsThatFit(text_bytes: number, wanted: number, budget_bytes: number): number {
  let threads = wanted;
  while (threads > 1 && need_bytes(text_bytes, threads) > budget_bytes) threads--;
  return threads;
}

/** The largest inputs that fit into a budget on one thread, by the kind of job; negative where not even nothing does. */
export function mostBytes(budget_bytes: number): Readonly<Record<JobKind, number>> {
  // need_bytes solved for the size, whose root is the unknown.
  const rest_mb = budget_bytes / 1e6 - FIXED_MB - THREAD_MB;
  const linear = THREAD_MB_PER_ROOT_MB;
  const root =
    (Math.sqrt(linear * linear + 4 * INDEX_MB_PER_MB * Math.max(0, rest_mb)) - linear) / (2 * INDEX_MB_PER_MB);
  const text = rest_mb < 0 ? -1 : Math.floor(root * root * 1e6);
  return { text, merge: text < 0 ? -1 : Math.floor(text / TEXT_PER_INTERNER) };
}

/** Memory of this machine, or of the container or control group that the process is in, in bytes. */
export function memoryOfMachine(): number {
  const machine = totalmem();
  const limit = process.constrainedMemory();
  return limit > 0 && limit < machine ? limit : machine;
}

/** The budget of a worker that was not given one. */
export function usualBudget(): number {
  return budgetOf(memoryOfMachine());
}

/** What a worker takes of a machine with so much memory, unless it is told otherwise. */
export function budgetOf(memory_bytes: number): number {
  return Math.floor(memory_bytes * USUAL_SHARE);
}
