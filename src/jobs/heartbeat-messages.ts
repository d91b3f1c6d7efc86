import type { StorageConfig } from "../storage/create-storage.ts";
import type { Attempt } from "../storage/port.ts";

/** What the thread of heartbeats is told. */
export type HeartOrder =
  | {
      readonly kind: "start";
      readonly storage: StorageConfig;
      readonly interval_ms: number;
    }
  | {
      readonly kind: "watch";
      readonly attempt: Attempt;
      /** Shared: what is done of the job, see PROGRESS_SHARE and PROGRESS_ORTHOS. */
      readonly progress: Float64Array;
      /** How long ago the attempt began. */
      readonly age_ms: number;
    }
  | { readonly kind: "rest"; readonly folder: string };

/** What the thread tells. `folder` names the attempt: a report may come after the attempt is over. */
export type HeartReport =
  | { readonly kind: "lost"; readonly folder: string }
  | { readonly kind: "missed"; readonly folder: string; readonly message: string };

export const PROGRESS_SHARE = 0;
export const PROGRESS_ORTHOS = 1;
