import type { FoldOptions } from "../archive/manifest.ts";

/** Whether an archive of these options is one that a worker of those merges: folded alike, and whole. */
export function isMergeable(archive: FoldOptions, worker: FoldOptions): boolean {
  return (
    archive.max_dims === worker.max_dims &&
    archive.min_volume === worker.min_volume &&
    archive.shard === null &&
    worker.shard === null
  );
}
