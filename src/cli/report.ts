import type { Manifest, Optimal } from "../archive/manifest.ts";
import type { ShapeCounts } from "../core/shapes.ts";

/** What run, merge and show tell about a fold: one JSON object. */
export interface FoldReport {
  readonly text: string;
  readonly sentences: number;
  readonly tokens: number;
  readonly vocabulary: number;
  readonly distinct_sentences: number;
  /** null for all. */
  readonly max_dims: number | null;
  readonly min_volume: number;
  /** `i/n`, or null for the whole. */
  readonly shard: string | null;
  readonly orthos: number;
  readonly shapes: ShapeCounts;
  readonly optimal: Optimal | null;
  readonly lineage: string;
  /** Path of the archive; null where none was kept. */
  readonly archive: string | null;
  readonly archive_bytes: number | null;
  readonly tar_sha256: string | null;
  readonly content_sha256: string | null;
  readonly elapsed_ms: number | null;
  readonly threads: number | null;
  readonly peak_rss_bytes: number | null;
}

/** What is known of a fold only while it runs. */
export interface RunFigures {
  readonly elapsed_ms: number;
  readonly threads: number;
  readonly peak_rss_bytes: number;
}

/** All of a manifest that a report tells; a fold without an archive has no hashes to tell. */
export type Described = Omit<Manifest, "format" | "interner" | "chunks" | "optimal_txt" | "content_sha256"> & {
  readonly content_sha256: string | null;
};

/** An archive on disk. */
export interface ArchiveFile {
  readonly path: string;
  readonly bytes: number;
  readonly tarSha256: string;
}

/**
 * The report on an archive, or on a fold that kept none.
 *
 * @param file where the archive is; null where none was kept
 * @param run figures of the run that made it, where there was one
 */
export function describeArchive(manifest: Described, file: ArchiveFile | null, run?: RunFigures): FoldReport {
  const { options, sources } = manifest;
  return {
    text: manifest.name,
    sentences: sources.reduce((sum, source) => sum + source.sentences, 0),
    tokens: sources.reduce((sum, source) => sum + source.tokens, 0),
    vocabulary: manifest.vocabulary,
    distinct_sentences: manifest.distinct_sentences,
    max_dims: options.max_dims,
    min_volume: options.min_volume,
    shard: options.shard === null ? null : `${options.shard.number}/${options.shard.of}`,
    orthos: manifest.orthos,
    shapes: manifest.shapes,
    optimal: manifest.optimal,
    lineage: manifest.lineage,
    archive: file?.path ?? null,
    archive_bytes: file?.bytes ?? null,
    tar_sha256: file?.tarSha256 ?? null,
    content_sha256: manifest.content_sha256,
    elapsed_ms: run?.elapsed_ms ?? null,
    threads: run?.threads ?? null,
    peak_rss_bytes: run?.peak_rss_bytes ?? null,
  };
}
