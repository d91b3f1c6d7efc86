import type { ArchiveRow } from "./rows.ts";

/** An archive as `jsonb`, by the names of ArchiveRow, of the row that the statement calls `a`: constant text. */
export const ARCHIVE_JSON = `json_build_object(
  'id', a.id, 's3Key', a.s3_key, 'name', a.name, 'orthoCount', a.ortho_count, 'lineage', a.lineage,
  'options', a.options, 'batch', a.batch, 'family', a.family, 'sentences_bytes', a.sentences_bytes,
  'size_bytes', a.size_bytes, 'tarSha256', a.tar_sha256, 'reservedBy', a.reserved_by,
  'created_ms', floor(extract(epoch from a.created_at) * 1000))`;

/** A row of a statement that selects ARCHIVE_JSON as `archive`. */
export interface ArchiveResult {
  readonly archive: ArchiveRow;
}
