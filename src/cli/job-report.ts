import type { RunRow } from "../db/list-runs.ts";
import type { ArchiveRow, JobRow } from "../db/rows.ts";

// What a fleet's tables hold, as programs read it: in the words of `fold status` and of workers.

/** A job. */
export function reportOfJob({ jobType, inputPath, retryCount, workerId, ...job }: JobRow) {
  return { ...job, job_type: jobType, input_path: inputPath, failures: retryCount, worker: workerId };
}

/** An attempt at a job, or a decision about it. */
export function reportOfRun({ workerId, orthosProcessed, resultArchiveId, ...run }: RunRow) {
  return { ...run, worker: workerId, orthos: orthosProcessed, archive_id: resultArchiveId };
}

/** An archive. */
export function reportOfArchive({ orthoCount, tarSha256, s3Key, reservedBy, ...archive }: ArchiveRow) {
  return { ...archive, orthos: orthoCount, tar_sha256: tarSha256, s3_key: s3Key, reserved_by: reservedBy };
}
