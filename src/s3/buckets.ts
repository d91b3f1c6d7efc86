import type { LifecycleRule } from "@aws-sdk/client-s3";
import type { CallOptions, Place } from "./place.ts";
import { S3Error } from "./s3-error.ts";

/** What a bucket's lifecycle rule throws away. */
export interface Tidying {
  /** Days after which objects go; null for never. */
  readonly expire_days: number | null;
  /** Days after which the parts of an upload go that was never finished. */
  readonly abort_days: number;
}

const RULE_ID = "fold";

/** Whether a bucket is there, and may be looked at. */
export async function bucketExists({ connection, bucket }: Place, { signal }: CallOptions = {}): Promise<boolean> {
  try {
    return await connection.call({
      action: "look at the bucket",
      subject: bucket,
      signal,
      act: async ({ client, sdk, how }) => {
        await client.send(new sdk.HeadBucketCommand({ Bucket: bucket }), how);
        return true;
      },
    });
  } catch (error) {
    if (error instanceof S3Error && error.status === 404) return false;
    throw error;
  }
}

/**
 * Make a bucket where there is none.
 *
 * @returns whether it is new
 * @throws FoldError `refused` when the name belongs to somebody else
 */
export async function ensureBucket(place: Place, options: CallOptions = {}): Promise<boolean> {
  const { connection, bucket } = place;
  if (await bucketExists(place, options)) return false;
  await connection.call<unknown>({
    action: "make the bucket",
    subject: bucket,
    signal: options.signal,
    act: async ({ client, sdk, how }) => {
      try {
        await client.send(new sdk.CreateBucketCommand({ Bucket: bucket }), how);
      } catch (error) {
        // Somebody with the same key was faster.
        if (!(error instanceof Error && error.name === "BucketAlreadyOwnedByYou")) throw error;
      }
    },
  });
  return true;
}

/** Remove an empty bucket. */
export async function removeBucket({ connection, bucket }: Place, { signal }: CallOptions = {}): Promise<void> {
  await connection.call({
    action: "remove the bucket",
    subject: bucket,
    signal,
    act: async ({ client, sdk, how }) => {
      await client.send(new sdk.DeleteBucketCommand({ Bucket: bucket }), how);
    },
  });
}

/**
 * Let a bucket throw away what is old. Rules that others have made stay.
 *
 * @returns whether anything had to be changed
 */
export async function ensureTidying(place: Place, tidying: Tidying, options: CallOptions = {}): Promise<boolean> {
  const { connection, bucket } = place;
  const rules = await readRules(place, options);
  if (areRight(rules, tidying)) return false;
  const { expire_days, abort_days } = tidying;
  const rule: LifecycleRule = {
    ID: RULE_ID,
    Status: "Enabled",
    Filter: { Prefix: "" },
    AbortIncompleteMultipartUpload: { DaysAfterInitiation: abort_days },
    ...(expire_days === null ? {} : { Expiration: { Days: expire_days } }),
  };
  await connection.call({
    action: "set the lifecycle rules of",
    subject: bucket,
    signal: options.signal,
    act: async ({ client, sdk, how }) => {
      const Rules = [...rules.filter(({ ID }) => ID !== RULE_ID), rule];
      const input = { Bucket: bucket, LifecycleConfiguration: { Rules } };
      await client.send(new sdk.PutBucketLifecycleConfigurationCommand(input), how);
    },
  });
  return true;
}

/** Whether a bucket throws away what it should. */
export async function hasTidying(place: Place, tidying: Tidying, options: CallOptions = {}): Promise<boolean> {
  return areRight(await readRules(place, options), tidying);
}

function areRight(rules: readonly LifecycleRule[], { expire_days, abort_days }: Tidying): boolean {
  const ours = rules.find(({ ID }) => ID === RULE_ID);
  return (
    ours?.Status === "Enabled" &&
    (ours.Filter?.Prefix ?? ours.Prefix ?? "") === "" &&
    (ours.Expiration?.Days ?? null) === expire_days &&
    ours.AbortIncompleteMultipartUpload?.DaysAfterInitiation === abort_days
  );
}

async function readRules({ connection, bucket }: Place, { signal }: CallOptions): Promise<readonly LifecycleRule[]> {
  return await connection.call<readonly LifecycleRule[]>({
    action: "read the lifecycle rules of",
    subject: bucket,
    signal,
    act: async ({ client, sdk, how }) => {
      try {
        return (await client.send(new sdk.GetBucketLifecycleConfigurationCommand({ Bucket: bucket }), how)).Rules ?? [];
      } catch (error) {
        if (error instanceof Error && error.name === "NoSuchLifecycleConfiguration") return [];
        throw error;
      }
    },
  });
}
