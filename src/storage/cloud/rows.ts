import type { ArchiveRow, AttemptKey, JobRow, NewArchive } from "../../db/rows.ts";
import type { ArchiveEntry, Attempt, JobEntry } from "../port.ts";

/** What the port and the tables call the same things. */

export function keyOf({ id, worker, number }: Attempt): AttemptKey {
  return { jobId: id, workerId: worker, attempt: number };
}

export function toJobEntry(row: JobRow): JobEntry {
  const { id, jobType, status, name, size_bytes, retryCount, workerId, heartbeat_age_ms, progress, failure } = row;
  const state = status === "processing" ? "running" : status === "failed" ? "failed" : "waiting";
  return {
    id,
    kind: jobType === "archive_merge" ? "merge" : "text",
    name,
    state,
    size_bytes,
    failures: retryCount,
    worker: workerId,
    heartbeat_age_ms,
    progress,
    // One that waits for its next attempt has failed before and may yet succeed.
    failure: state === "failed" ? failure : null,
  };
}

export function toArchiveEntry(row: ArchiveRow): ArchiveEntry {
  const { name, orthoCount: orthos, lineage, options, size_bytes, sentences_bytes, tarSha256: tar_sha256 } = row;
  return { name, orthos, lineage, options, size_bytes, sentences_bytes, tar_sha256 };
}

export function toNewArchive(entry: ArchiveEntry, s3Key: string): NewArchive {
  const { name, orthos: orthoCount, lineage, options, size_bytes, sentences_bytes, tar_sha256: tarSha256 } = entry;
  return { s3Key, name, orthoCount, lineage, options, size_bytes, sentences_bytes, tarSha256 };
}
