import type { ChunkPlace } from "../archive/chunk.ts";
import type { Ortho } from "../core/optimal.ts";
import type { PhraseIndexArrays } from "../core/phrase-index.ts";
import type { Task } from "../core/plan.ts";
import type { ShapeCounts } from "../core/shapes.ts";
import type { SpilledChunk } from "./spill.ts";

/** A task with the place from which it is still to be walked, and the number that its next chunk gets. */
export interface OpenTask extends Task {
  readonly number: number;
  readonly node: number;
  readonly square: number;
  readonly part: number;
}

/** What a thread is started with. */
export interface WalkOrder {
  readonly arrays: PhraseIndexArrays;
  readonly words: readonly string[];
  readonly maxDims: number;
  readonly minVolume: number;
  readonly tasks: readonly OpenTask[];
  /** Whether chunks are wanted, or only what they come to. */
  readonly writes: boolean;
  /** Where chunks are put as soon as they are done; null when none are kept. */
  readonly spill: string | null;
  /** Shared between all threads: see CONTROL_NEXT and CONTROL_STOP. */
  readonly control: Int32Array;
  /** Shared: orthos of the chunk that each thread is walking. */
  readonly running: Float64Array;
  readonly thread: number;
}

/** In `control`: number of the next task to hand out, and 1 when all threads are to stop. */
export const CONTROL_NEXT = 0;
export const CONTROL_STOP = 1;

/** One chunk of a task is walked. */
export interface ChunkDone {
  readonly kind: "chunk";
  readonly task: number;
  readonly part: number;
  readonly isLast: boolean;
  readonly orthos: number;
  readonly shapes: ShapeCounts;
  readonly optimal: Ortho | null;
  readonly start: ChunkPlace;
  /** The encoded chunk, plain and compressed; null when it holds nothing or nothing is written. */
  readonly bytes: Uint8Array | null;
  readonly frame: Uint8Array | null;
  /** Where it was put; null when it was not. */
  readonly spilled: SpilledChunk | null;
}

/** What ended a thread; the stack, where there is one, is for whoever looks for the mistake. */
export interface WalkFailure {
  readonly kind: "failed";
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly stack: string | null;
}

/** What a thread tells. */
export type WalkReport = ChunkDone | { readonly kind: "end" } | { readonly kind: "stopped" } | WalkFailure;
