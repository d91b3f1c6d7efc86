import type { FoldOptions } from "./manifest.ts";

/** The file name of an archive, without its ending: that of its text, and whatever differs from the usual options. */
export function archiveName(text: string, { max_dims, min_volume, shard }: FoldOptions): string {
  const dims = max_dims === 2 ? "" : `.max-dims-${max_dims ?? "all"}`;
  const volume = min_volume === 1 ? "" : `.min-volume-${min_volume}`;
  return `${text}${dims}${volume}${shard === null ? "" : `.shard-${shard.number}-of-${shard.of}`}`;
}
