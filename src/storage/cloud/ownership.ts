import { FoldError } from "../../errors.ts";
import type { CallOptions } from "../../s3/place.ts";
import type { Buckets } from "./cloud-config.ts";
import type { CloudParts } from "./cloud-parts.ts";
import { prefixes } from "./keys.ts";
import { othersIn, placesOf } from "./signatures.ts";

const uses = ["input", "results", "temp"] as const satisfies readonly (keyof Buckets)[];

export interface OwnershipOptions extends CallOptions {
  /** What other databases have in the buckets is nobody's any more. */
  readonly takeOver: boolean;
  /** Only look. */
  readonly dryRun: boolean;
}

/**
 * Nobody else's work is in a bucket.
 *
 * @throws FoldError `conflict` that says where the other databases are
 */
export async function checkAlone(cloud: CloudParts, use: keyof Buckets, options?: CallOptions): Promise<void> {
  const bucket = cloud[use];
  const { id, place } = await cloud.signer();
  const others = await othersIn(bucket, prefixes[use], id, options);
  if (others.length === 0) return;
  const who = await placesOf(bucket, others, options);
  throw new FoldError(
    "conflict",
    `the bucket ${bucket.name} is not that of database ${place} alone: there is something of ${who} in it`,
    "check DATABASE_URL and DO_SPACES_BUCKET_...: each database needs buckets of its own; what one that is gone for good has left there `fold gc --take-over` deletes, and with --dry-run only tells",
  );
}

/**
 * Make sure that all buckets are this database's, before what it does not name is deleted from them: signed by it, as
 * those of older versions are not yet, and by no other.
 *
 * Of two that come at the same moment to buckets that nobody has signed, each finds the other's signature behind its own.
 *
 * @param hasJobs without any, the buckets are as they were: who has only got the wrong URL or names would else sign
 * another's, and bar that one from its own
 * @throws FoldError `conflict`
 */
export async function ownBuckets(cloud: CloudParts, hasJobs: boolean, options: OwnershipOptions): Promise<void> {
  const { takeOver, dryRun, signal } = options;
  if (!takeOver) for (const use of uses) await checkAlone(cloud, use, { signal });
  if (dryRun || !hasJobs) return;
  const { id } = await cloud.signer();
  for (const use of uses) {
    const others = await othersIn(cloud[use], prefixes[use], id, { signal });
    if (takeOver && others.length > 0) await cloud[use].remove(others, { signal });
    await cloud.sign(use, { signal });
  }
  for (const use of uses) await checkAlone(cloud, use, { signal });
}
