import { FoldError } from "../errors.ts";
import type { CallOptions, Place } from "./place.ts";
import { hintOfRight } from "./s3-error.ts";

/** As many as one call may name. */
const BATCH = 1000;
/** What the XML of a call for many cannot hold. */
const control = /\p{Cc}/u;

/**
 * Remove objects; what is not there is removed already.
 *
 * @throws FoldError `refused` that says how many are left, when some could not be removed
 */
export async function remove(place: Place, keys: readonly string[], options: CallOptions = {}): Promise<void> {
  const tellable = keys.filter((key) => !control.test(key));
  for (let at = 0; at < tellable.length; at += BATCH) await removeBatch(place, tellable.slice(at, at + BATCH), options);
  for (const key of keys.filter((key) => control.test(key))) await removeOne(place, key, options);
}

async function removeOne({ connection, bucket }: Place, key: string, { signal }: CallOptions): Promise<void> {
  await connection.call({
    action: "remove",
    subject: `${bucket}/${JSON.stringify(key)}`,
    signal,
    act: async ({ client, sdk, how }) => {
      await client.send(new sdk.DeleteObjectCommand({ Bucket: bucket, Key: key }), how);
    },
  });
}

async function removeBatch({ connection, bucket }: Place, keys: readonly string[], { signal }: CallOptions) {
  const subject = keys.length === 1 ? `${bucket}/${keys[0]}` : `${keys.length} objects of ${bucket}`;
  const errors = await connection.call({
    action: "remove",
    subject,
    signal,
    act: async ({ client, sdk, how }) => {
      const Delete = { Objects: keys.map((Key) => ({ Key })), Quiet: true };
      const answer = await client.send(new sdk.DeleteObjectsCommand({ Bucket: bucket, Delete }), how);
      return answer.Errors ?? [];
    },
  });
  const left = errors.filter(({ Code }) => Code !== "NoSuchKey");
  if (left.length === 0) return;
  const codes = [...new Set(left.map(({ Code }) => Code ?? "unknown"))].join(", ");
  throw new FoldError(
    "refused",
    `${left.length} of ${keys.length} objects of ${bucket} could not be removed, among them ${left[0]?.Key}: ${codes}`,
    hintOfRight("remove"),
  );
}
