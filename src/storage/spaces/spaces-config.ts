import type { FoldOptions } from "../../archive/manifest.ts";
import type { S3Config } from "../../s3/sign.ts";

/** What a worker without coordination was told to do: plain data, so that a thread can open the same for itself. */
export interface SpacesConfig {
  readonly backend: "spaces";
  readonly spaces: S3Config;
  readonly buckets: { readonly input: string; readonly results: string };
  /** Folder of this machine for what is under way and for what was downloaded. */
  readonly cacheDir: string;
  readonly cacheSize_bytes: number;
  /** Keys in the input bucket: all that there is to do. */
  readonly inputs: readonly string[];
  /** How they are folded. */
  readonly options: FoldOptions;
  /** For the threads that go by it; nothing of this backend grows stale. */
  readonly grace_ms: number;
}
