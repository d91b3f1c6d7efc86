import type { FoldOptions } from "../archive/manifest.ts";
import type { StorageConfig } from "../storage/create-storage.ts";
import type { WorkEvent } from "./work-events.ts";

/** What a worker is to do. */
export interface WorkRequest {
  readonly storage: StorageConfig;
  /** Names the process: unique, whatever other processes there are or were. */
  readonly worker: string;
  readonly options: FoldOptions;
  /** Merge archives two by two once no text waits. */
  readonly merges: boolean;
  /** One job, then the end; else until nothing is left. */
  readonly isOneShot: boolean;
  /** Wait for new jobs when nothing is left, until `signal`. */
  readonly stays: boolean;
  /** Only this job; null for any. */
  readonly jobId: string | null;
  readonly threads: number;
  /** Memory that this process may take, in bytes. */
  readonly budget_bytes: number;
  readonly heartbeat_ms: number;
  /** See RunSettings. */
  readonly partsAfter_ms: number;
  /** Aborted: finish safely, then come to an end. */
  readonly signal: AbortSignal;
  readonly onEvent: (event: WorkEvent) => void;
}
