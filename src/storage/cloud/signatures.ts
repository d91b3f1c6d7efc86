import { FoldError } from "../../errors.ts";
import type { Bucket } from "../../s3/bucket.ts";
import type { CallOptions } from "../../s3/place.ts";
import { signatureKey, signaturesBelow } from "./keys.ts";

/** Where a database is takes less. */
const MOST_BYTES = 1_000;
/** So many are told by where they are. */
const MOST_TOLD = 3;

/** Who signs. */
export interface Signer {
  /** Of its database: see FleetIdentity. */
  readonly id: string;
  /** Where that is, for whoever has to do with a bucket that others use, too. */
  readonly place: string;
}

/**
 * Sign: say in a bucket that a database has something there, or is about to.
 *
 * Each database has an object of its own for that, so nobody has to be first, and it may be written any number of times:
 * there is no race, also in buckets with versions, where a write cannot be made to depend on anything.
 */
export async function sign(
  bucket: Bucket,
  prefix: string,
  { id, place }: Signer,
  options?: CallOptions,
): Promise<void> {
  await bucket.put(signatureKey(prefix, id), new TextEncoder().encode(place), options);
}

/** The keys of the signatures of all databases but one. */
export async function othersIn(
  bucket: Bucket,
  prefix: string,
  id: string,
  options?: CallOptions,
): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const page of bucket.list(signaturesBelow(prefix), options)) keys.push(...page.map(({ key }) => key));
  return keys.filter((key) => key !== signatureKey(prefix, id));
}

/** Who has signed, for people: where the databases were when they last did. */
export async function placesOf(bucket: Bucket, keys: readonly string[], options?: CallOptions): Promise<string> {
  const places = await Promise.all(keys.slice(0, MOST_TOLD).map((key) => placeIn(bucket, key, options)));
  const more = keys.length - places.length;
  return places.join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** What somebody else has written is only told where it looks like that. */
async function placeIn(bucket: Bucket, key: string, options?: CallOptions): Promise<string> {
  try {
    const { bytes } = await bucket.get(key, MOST_BYTES, options);
    const place = new TextDecoder().decode(bytes);
    if (/^[^\p{C}\s]+$/u.test(place)) return `database ${place}`;
  } catch (error) {
    if (!(error instanceof FoldError) || error.code === "interrupted") throw error;
  }
  return `the one that has signed as ${JSON.stringify(key)}`;
}
