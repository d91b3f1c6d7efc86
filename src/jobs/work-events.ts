import type { FoldError } from "../errors.ts";
import type { ArchiveEntry, Attempt, DamagedArchive, JobEntry } from "../storage/port.ts";
import type { FoldProgress } from "./fold-corpus.ts";

/** What a worker tells of its work, as it happens. */
export type WorkEvent =
  /** Jobs whose workers are not heard of any more were freed. */
  | { readonly kind: "reclaimed"; readonly count: number }
  /** Jobs of lost workers could not be freed; that keeps nobody from other jobs. */
  | { readonly kind: "unfreed"; readonly error: FoldError }
  /** The storage cannot be reached any more, and is waited for. */
  | { readonly kind: "away"; readonly error: FoldError }
  | { readonly kind: "back"; readonly away_ms: number }
  /** A job was given back because a part of the storage is away; the next one is not taken at once. */
  | { readonly kind: "resting"; readonly attempt: Attempt; readonly error: FoldError }
  | { readonly kind: "claimed"; readonly attempt: Attempt; readonly threads: number; readonly need_bytes: number }
  /** The memory does not suffice for all threads. */
  | { readonly kind: "smaller"; readonly attempt: Attempt; readonly threads: number; readonly budget_bytes: number }
  | { readonly kind: "planned"; readonly attempt: Attempt; readonly tasks: number; readonly resumed: number }
  /** `progress` is cheap to call at any time until the attempt is over. */
  | { readonly kind: "walking"; readonly attempt: Attempt; readonly progress: () => FoldProgress }
  | {
      readonly kind: "done";
      readonly attempt: Attempt;
      readonly archive: ArchiveEntry;
      readonly elapsed_ms: number;
    }
  /** Put aside, or to be tried again. */
  | { readonly kind: "failed"; readonly attempt: Attempt; readonly error: FoldError; readonly isPutAside: boolean }
  | { readonly kind: "lost"; readonly attempt: Attempt }
  /** Its archive is whole, and left to be published when the grace period is over. */
  | { readonly kind: "unpublished"; readonly attempt: Attempt; readonly error: FoldError }
  | { readonly kind: "missed"; readonly attempt: Attempt; readonly message: string }
  /** Given back unfinished. */
  | { readonly kind: "returned"; readonly attempt: Attempt; readonly keepsWork: boolean }
  /** A job is left to workers that may take more memory; told once. */
  | { readonly kind: "left"; readonly job: JobEntry; readonly need_bytes: number; readonly budget_bytes: number }
  /** Nothing to take now; others are still at work. */
  | { readonly kind: "waiting"; readonly running: readonly JobEntry[] };

/** What came of a worker's loop. */
export interface WorkSummary {
  readonly done: number;
  /** Jobs that were put aside. */
  readonly failed: number;
  readonly lost: number;
  readonly orthos: number;
  /** Jobs left because they need more memory than the worker may take. */
  readonly tooLarge: readonly JobEntry[];
  /** Archives that were to be merged and are not: merging them has failed, or needs too much memory. */
  readonly unmerged: number;
  /** Archives that were to be merged and cannot be read. */
  readonly unreadable: readonly DamagedArchive[];
}
