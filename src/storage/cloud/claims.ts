import { claimJob, findClaim } from "../../db/claim-job.ts";
import { claimMerge } from "../../db/claim-merge.ts";
import type { Database } from "../../db/database.ts";
import type { ClaimedJob } from "../../db/rows.ts";
import type { JobWanted } from "../port.ts";

/** A claim whose answer was lost, and the database with it. */
interface Unanswered {
  readonly token: string;
  /** Of the job that was asked for, if it was a certain one. */
  readonly id: string | undefined;
}

/**
 * Claims jobs of the database.
 *
 * A claim may be carried out without its answer ever arriving, when the database goes away in that moment and stays away.
 * Nobody would know of that job until its lease is over, and then it counted as lost. So the next claim asks first what
 * became of the one before.
 */
export class Claims {
  private readonly unanswered: Unanswered[] = [];

  /**
   * Take the next job as the port says; null where there is none.
   *
   * @throws FoldError `unreachable`, other errors of the database
   */
  async next(database: Database, wanted: JobWanted): Promise<ClaimedJob | null> {
    const earlier = await this.earlier(database, wanted);
    if (earlier !== null) return earlier;
    const token = crypto.randomUUID();
    return await this.noting({ token, id: wanted.id }, () => claim(database, wanted, token));
  }

  private async earlier(database: Database, { id }: JobWanted): Promise<ClaimedJob | null> {
    for (;;) {
      const at = this.unanswered.findIndex((claim) => claim.id === id);
      if (at === -1) return null;
      const [claim] = this.unanswered.splice(at, 1);
      const job = await this.noting(claim, () => database.ask((sql) => findClaim(sql, claim.token)));
      if (job !== null) return job;
    }
  }

  private async noting<T>(claim: Unanswered, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      this.unanswered.push(claim);
      throw error;
    }
  }
}

/** Texts, and merges to be tried again, before new merges; merges of what was submitted as one before all others. */
async function claim(database: Database, wanted: JobWanted, token: string): Promise<ClaimedJob | null> {
  const { worker, id, merges, most_bytes } = wanted;
  const options = { max_dims: wanted.options.max_dims, min_volume: wanted.options.min_volume, shard: null };
  const job = await claimJob(database, {
    worker,
    token,
    scope: merges ? "all" : "batches",
    options,
    ...(most_bytes === undefined ? {} : { most_bytes }),
    ...(id === undefined ? {} : { id }),
  });
  if (job !== null || id !== undefined) return job;
  const limit = most_bytes === undefined ? {} : { most_bytes: most_bytes.merge };
  const batch = await claimMerge(database, { worker, token, options: null, scope: "batches", ...limit });
  if (batch !== null || !merges || wanted.options.shard !== null) return batch;
  return await claimMerge(database, { worker, token, options, scope: "all", ...limit });
}
