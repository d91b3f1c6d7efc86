import type { CallOptions, Place } from "./place.ts";
import { ErrorAnswer, S3Error } from "./s3-error.ts";
import { type Element, elementsOf, readXml, textOf, writeXml } from "./xml.ts";

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
      act: async ({ send }) => (await send({ method: "HEAD", bucket })).ok,
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
    act: async ({ send }) => {
      try {
        await send({ method: "PUT", bucket });
      } catch (error) {
        // Somebody with the same key was faster.
        if (!(error instanceof ErrorAnswer && error.errorCode === "BucketAlreadyOwnedByYou")) throw error;
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
    act: ({ send }) => send({ method: "DELETE", bucket }),
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
  const rule: Element = {
    ID: RULE_ID,
    Filter: { Prefix: "" },
    Status: "Enabled",
    ...(expire_days === null ? {} : { Expiration: { Days: String(expire_days) } }),
    AbortIncompleteMultipartUpload: { DaysAfterInitiation: String(abort_days) },
  };
  const Rule = [...rules.filter((other) => textOf(other, "ID") !== RULE_ID), rule];
  const body = writeXml("LifecycleConfiguration", { Rule });
  await connection.call({
    action: "set the lifecycle rules of",
    subject: bucket,
    signal: options.signal,
    act: ({ send }) => send({ method: "PUT", bucket, query: { lifecycle: "" }, body }),
  });
  return true;
}

/** Whether a bucket throws away what it should. */
export async function hasTidying(place: Place, tidying: Tidying, options: CallOptions = {}): Promise<boolean> {
  return areRight(await readRules(place, options), tidying);
}

function areRight(rules: readonly Element[], { expire_days, abort_days }: Tidying): boolean {
  const ours = rules.find((rule) => textOf(rule, "ID") === RULE_ID);
  if (ours === undefined || textOf(ours, "Status") !== "Enabled") return false;
  const within = (name: string, part: string) => elementsOf(ours, name).map((element) => textOf(element, part))[0];
  return (
    (within("Filter", "Prefix") ?? textOf(ours, "Prefix") ?? "") === "" &&
    within("Expiration", "Days") === expire_days?.toString() &&
    within("AbortIncompleteMultipartUpload", "DaysAfterInitiation") === String(abort_days)
  );
}

async function readRules({ connection, bucket }: Place, { signal }: CallOptions): Promise<readonly Element[]> {
  const deed = { action: "read the lifecycle rules of", subject: bucket };
  return await connection.call<readonly Element[]>({
    ...deed,
    signal,
    act: async ({ send }) => {
      try {
        const answer = await send({ method: "GET", bucket, query: { lifecycle: "" } });
        return elementsOf(await readXml(answer, "LifecycleConfiguration", deed), "Rule").map(asItIsSet);
      } catch (error) {
        if (error instanceof ErrorAnswer && error.errorCode === "NoSuchLifecycleConfiguration") return [];
        throw error;
      }
    },
  });
}

/**
 * A rule as it has to be given back. Ceph tells the prefix beside the tags of a filter and takes it only among them: given
 * back as it was told, somebody else's rule would throw away what has the tags, wherever it lies.
 */
function asItIsSet(rule: Element): Element {
  const [filter] = elementsOf(rule, "Filter");
  const [tags] = elementsOf(filter ?? {}, "And");
  if (filter?.Prefix === undefined || tags === undefined) return rule;
  const { Prefix, And: _, ...others } = filter;
  return { ...rule, Filter: { ...others, And: { Prefix, ...tags } } };
}
