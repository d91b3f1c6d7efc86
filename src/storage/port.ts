import type { FoldOptions } from "../archive/manifest.ts";
import type { WrittenArchive } from "../archive/writer.ts";
import type { FoldError } from "../errors.ts";

/** An answer at once or later: a backend on a local disk has no reason to wait. Errors are thrown or rejected likewise. */
export type Answer<T> = T | Promise<T>;

/**
 * The port between the life of a job and the place where jobs, texts and archives are kept.
 *
 * A backend gives out jobs and takes results; it knows nothing of folding. A claim makes an attempt: whoever holds it
 * is the only one who may write for the job until it is completed, given back, failed, or grows stale. Every call
 * with an attempt that is no longer the job's throws FoldError `lease_lost` and changes nothing. That is all that
 * keeps two workers apart, so a backend must decide it in one atomic step, and not by looking first and writing then.
 *
 * To add a backend: implement Storage, give createStorage its name, and run the conformance suite
 * (tests/storage/conformance.ts) against the real thing.
 */
export interface Storage {
  /** Where this storage is, for messages. */
  readonly place: string;

  /**
   * Whether an attempt finds the files of the one before it in its folder, also after a power cut. Where it does not,
   * the worker puts aside what is finished with spillChunk while it goes on.
   */
  readonly keepsFolders: boolean;

  /**
   * Take the next job that is waiting, as a new attempt; null when none is.
   *
   * Each job goes to one claimer, however many ask at once. Texts come before merges; of merges, the two smallest
   * archives come first.
   */
  claimNextJob(wanted: JobWanted): Answer<Attempt | null>;

  /** Say that the attempt is alive. To be called every heartbeat interval, whatever the job is doing. */
  heartbeat(attempt: Attempt, progress: JobProgress): Answer<void>;

  /**
   * The job is done: publish the archive and take the job and its inputs out of the storage, in such an order that a
   * crash at any point leaves either the inputs or the archive, and reclaimStale of a later process heals the rest.
   *
   * @returns the archive as it is listed: where another one has its name already, it gets a number
   * @throws Unpublished when it is the attempt's no more, and only reclaimStale can take the last steps
   */
  completeJob(attempt: Attempt): Answer<ArchiveEntry>;

  /**
   * Give the job back unfinished; does not count as a failure.
   *
   * @param keepsWork whether what was done so far stays for the next attempt, or goes because there is no room for it
   */
  abandonJob(attempt: Attempt, keepsWork: boolean): Answer<void>;

  /**
   * The attempt has failed. The job waits again, until it has failed MAX_ATTEMPTS times or `isFinal` says that trying
   * again is of no use; then it is put aside with the reason beside it.
   *
   * @returns whether it was put aside
   */
  failJob(attempt: Attempt, failure: JobFailure): Answer<boolean>;

  /** The bytes of the text of a job. */
  readText(attempt: Attempt): Answer<Uint8Array>;

  /** The archives of a merge as files on this machine, in the order of `attempt.archives`; they go with the job. */
  readArchives(attempt: Attempt): Answer<string[]>;

  /**
   * Hand over the finished archive of an attempt: safe when this returns, published by completeJob. The next attempt
   * hands over its own.
   *
   * @param archive a whole archive in `attempt.folder`; its file may be moved away
   */
  writeArchive(attempt: Attempt, archive: WrittenArchive): Answer<void>;

  /**
   * Make a published archive readable as a tar.zst file on this machine.
   *
   * @returns the path of the file; whoever asked removes it
   */
  openArchive(name: string, folder: string): Answer<string>;

  /** The sentences of an archive, encoded (FORMAT.md, "interner.bin"), without reading the rest. */
  readInterner(name: string): Answer<Uint8Array>;

  /** All published archives that can be read, by name. */
  listArchives(): Answer<ArchiveEntry[]>;

  /** Those that cannot, by name: they are neither merged nor given out, and whoever wants all must be told. */
  listDamaged(): Answer<DamagedArchive[]>;

  /**
   * Keep what a running job has finished, so that its next attempt goes on from there. Another chunk of that name is
   * replaced. After a power cut the last chunks may be missing or damaged: carry a checksum, and do them again.
   *
   * @param name the job's own: 1 to 100 lower-case letters, digits, dots and dashes, not ending in `.tmp`
   */
  spillChunk(attempt: Attempt, name: string, bytes: Uint8Array): Answer<void>;

  /** What an attempt of the job has spilled under a name; null when there is none. */
  readChunk(attempt: Attempt, name: string): Answer<Uint8Array | null>;

  /** Names of all that was spilled for the job, sorted. */
  listChunks(attempt: Attempt): Answer<string[]>;

  /** Free the jobs whose attempts have sent no heartbeat for the grace period; returns how many. */
  reclaimStale(): Answer<number>;

  /** All jobs that are waiting, running or put aside. */
  listJobs(): Answer<JobEntry[]>;

  /**
   * Let a job that was put aside wait again, of several with that id the first; throws FoldError `not_found`, also where
   * an archive to merge is gone.
   */
  retryJob(id: string): Answer<void>;

  /**
   * Take a waiting job out, or end a running one: its worker finds its lease lost. Its text is put aside. Of several with
   * that id one that is running comes first.
   */
  cancelJob(id: string): Answer<void>;

  /** Let go of connections; nothing is called after it. */
  close(): Answer<void>;
}

/** A job fails for good after so many attempts, crashes included. */
export const MAX_ATTEMPTS = 3;

/** Which jobs a worker takes. */
export interface JobWanted {
  readonly worker: string;
  /** Options for jobs that bring none of their own; a merge takes only archives that have the same. */
  readonly options: FoldOptions;
  /** Merge archives two by two once no text waits. */
  readonly merges: boolean;
  /** Only this job. */
  readonly id?: string;
  /** Take no job whose size_bytes is more than that of its kind: it would need more memory than the worker has. */
  readonly most_bytes?: Readonly<Record<JobKind, number>>;
}

/** What a job does. */
export type JobKind = "text" | "merge";

/** One try at a job by one worker. */
export interface Attempt {
  /** The job's; the same for all attempts. */
  readonly id: string;
  readonly kind: JobKind;
  /** Of a text: its name, which its archive will have. Of a merge: the names of its archives, joined. */
  readonly name: string;
  /** Number of this attempt, from 1. */
  readonly number: number;
  readonly worker: string;
  /** Of the archive that is to be made. */
  readonly options: FoldOptions;
  /** Of a text: its size. Of a merge: what the sentences of both archives take, encoded. */
  readonly size_bytes: number;
  /** Names of the archives to be merged; none for a text. */
  readonly archives: readonly string[];
  /** A folder on this machine for the attempt's files; the backend removes it with the job. */
  readonly folder: string;
}

/** How far a job is: told with each heartbeat, shown by `fold status`. */
export interface JobProgress {
  /** Share of the work done, 0 .. 1. */
  readonly share: number;
  readonly orthos: number;
}

export interface JobFailure {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  /** Trying again would end the same way. */
  readonly isFinal: boolean;
}

/** A published archive. */
export interface ArchiveEntry {
  /** Unique in the storage: the manifest's name and whatever options are not the usual ones. */
  readonly name: string;
  readonly orthos: number;
  readonly lineage: string;
  readonly options: FoldOptions;
  /** Of the archive file. */
  readonly size_bytes: number;
  /** What its sentences take, encoded (FORMAT.md, "interner.bin"). */
  readonly sentences_bytes: number;
  readonly tar_sha256: string;
}

/** An archive that stands there and cannot be read: damaged, or not to be opened. */
export interface DamagedArchive {
  readonly name: string;
  readonly error: FoldError;
}

/** A job as `fold status` shows it. */
export interface JobEntry {
  readonly id: string;
  readonly kind: JobKind;
  readonly name: string;
  readonly state: "waiting" | "running" | "failed";
  readonly size_bytes: number;
  /** Attempts that have failed or were lost. */
  readonly failures: number;
  readonly worker: string | null;
  readonly heartbeat_age_ms: number | null;
  readonly progress: JobProgress | null;
  readonly failure: Omit<JobFailure, "isFinal"> | null;
}
