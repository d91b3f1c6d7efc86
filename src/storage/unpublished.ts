import { FoldError } from "../errors.ts";

/**
 * The last steps of a job have failed after it was over: its archive is whole and no attempt's any more, and reclaimStale
 * takes these steps again once the grace period has passed. Code and hint are those of the error underneath.
 */
export class Unpublished extends FoldError {
  /** @param archive_bytes what the archive takes that waits for it */
  constructor(name: string, archive_bytes: number, cause: FoldError) {
    super(
      cause.code,
      `the archive of ${name} is whole (${archive_bytes} bytes), but its job could not be ended: ${cause.message}`,
      `nothing is lost, a worker ends the job when the grace period is over; ${cause.hint}`,
      cause,
    );
  }
}
