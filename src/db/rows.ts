// What the statements take and give: plain data, times in ms since 1970, byte counts and orthos as numbers.

/** How a text was folded; the same shape as in a manifest. */
export interface JobOptions {
  /** Most dimensions of an ortho; null for all. */
  readonly max_dims: number | null;
  readonly min_volume: number;
  readonly shard: { readonly number: number; readonly of: number } | null;
}

export type JobType = "txt_file" | "shard" | "archive_merge";
export type JobStatus = "pending" | "processing" | "completed" | "failed";

/** Whose attempt it is: every write of an attempt names all three. */
export interface AttemptKey {
  readonly jobId: string;
  readonly workerId: string;
  readonly attempt: number;
}

/** What an attempt works on. */
export interface ClaimedJob extends AttemptKey {
  readonly jobType: JobType;
  readonly name: string;
  readonly options: JobOptions;
  readonly batch: string | null;
  /** Of a merge: what its archives' sentences take. */
  readonly size_bytes: number;
  /** The key of the text; of a merge, that of its first archive. */
  readonly inputPath: string;
  /** Of a merge, in the order in which they are merged; else none. */
  readonly archives: readonly ArchiveRow[];
}

export interface JobProgressRow {
  /** 0 .. 1. */
  readonly share: number;
  readonly orthos: number;
}

/** Why an attempt ended badly. */
export interface FailureRow {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** A job as lists show it. */
export interface JobRow {
  readonly id: string;
  readonly jobType: JobType;
  readonly status: JobStatus;
  readonly name: string;
  readonly options: JobOptions;
  readonly batch: string | null;
  readonly size_bytes: number;
  readonly inputPath: string;
  /** In the order of submission; where the next page of a list begins. */
  readonly position: number;
  readonly attempt: number;
  readonly retryCount: number;
  readonly created_ms: number;
  readonly started_ms: number | null;
  readonly completed_ms: number | null;
  readonly workerId: string | null;
  /** Since a running job was last heard of, by the database's clock. */
  readonly heartbeat_age_ms: number | null;
  /** Of a running job that has told it. */
  readonly progress: JobProgressRow | null;
  /** Of the last attempt that failed, also while the job waits for the next. */
  readonly failure: FailureRow | null;
}

/** An archive that was made, before it has its name and row. */
export interface NewArchive {
  /** Where it lies; a key of this attempt alone. */
  readonly s3Key: string;
  /** The name it should have. */
  readonly name: string;
  readonly orthoCount: number;
  readonly lineage: string;
  readonly options: JobOptions;
  readonly sentences_bytes: number;
  readonly size_bytes: number;
  /** Lower-case hex. */
  readonly tarSha256: string;
}

/** A published archive. */
export interface ArchiveRow extends NewArchive {
  readonly id: string;
  readonly batch: string | null;
  /** Of a shard that is to be joined with others. */
  readonly family: string | null;
  readonly created_ms: number;
  /** The job that is merging it; null when it is free. */
  readonly reservedBy: string | null;
}
