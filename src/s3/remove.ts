import { FoldError } from "../errors.ts";
import type { CallOptions, Place } from "./place.ts";
import { type Deed, hintOfRight, overloaded } from "./s3-error.ts";
import { elementsOf, readXml, textOf, writeXml } from "./xml.ts";

/** As many as one call may name. */
const BATCH = 1000;
/** As much as one call may say: Ceph reads a mebibyte. */
const BATCH_BYTES = 1_000_000;
/** Of the elements around a key. */
const AROUND_BYTES = "<Object><Key></Key></Object>".length;
/** What the XML of a call for many cannot hold. */
const unnamable = /[\p{Cc}\ufffe\uffff]/u;
/** What is said of single objects, within an answer that is none of these, and may be another thing the next time. */
const passing: ReadonlySet<string> = new Set([
  ...["InternalError", "SlowDown", "ServiceUnavailable", "OperationAborted", "RequestTimeout"],
]);

/**
 * Remove objects; what is not there is removed already.
 *
 * @throws FoldError `refused` that says how many are left, when some could not be removed
 */
export async function remove(place: Place, keys: readonly string[], options: CallOptions = {}): Promise<void> {
  for (const batch of batches(keys.filter((key) => !unnamable.test(key)))) await removeBatch(place, batch, options);
  for (const key of keys.filter((key) => unnamable.test(key))) await removeOne(place, key, options);
}

function* batches(keys: readonly string[]): Generator<readonly string[]> {
  let [batch, size_bytes]: [string[], number] = [[], 0];
  for (const key of keys) {
    // An ampersand takes five bytes; no sign takes more in XML than here.
    const key_bytes = Buffer.byteLength(Bun.escapeHTML(key)) + AROUND_BYTES;
    if (batch.length === BATCH || size_bytes + key_bytes > BATCH_BYTES) {
      yield batch;
      [batch, size_bytes] = [[], 0];
    }
    batch.push(key);
    size_bytes += key_bytes;
  }
  if (batch.length > 0) yield batch;
}

async function removeOne({ connection, bucket }: Place, key: string, { signal }: CallOptions): Promise<void> {
  await connection.call({
    action: "remove",
    subject: `${bucket}/${JSON.stringify(key)}`,
    signal,
    act: ({ send }) => send({ method: "DELETE", bucket, key }),
  });
}

async function removeBatch({ connection, bucket }: Place, keys: readonly string[], { signal }: CallOptions) {
  const deed: Deed = {
    action: "remove",
    subject: keys.length === 1 ? `${bucket}/${keys[0]}` : `${keys.length} objects of ${bucket}`,
  };
  const body = writeXml("Delete", { Quiet: "true", Object: keys.map((Key) => ({ Key })) });
  const left = await connection.call({
    ...deed,
    signal,
    act: async ({ send }) => {
      const answer = await send({ method: "POST", bucket, query: { delete: "" }, body });
      const errors = elementsOf(await readXml(answer, "DeleteResult", deed), "Error").map((error) => ({
        code: textOf(error, "Code") ?? "unknown",
        key: textOf(error, "Key") ?? "",
      }));
      const busy = errors.find(({ code }) => passing.has(code));
      if (busy !== undefined) throw overloaded(deed, `${busy.code} for ${busy.key}`);
      return errors.filter(({ code }) => code !== "NoSuchKey");
    },
  });
  if (left.length === 0) return;
  const codes = [...new Set(left.map(({ code }) => code))].join(", ");
  throw new FoldError(
    "refused",
    `${left.length} of ${keys.length} objects of ${bucket} could not be removed, among them ${left[0]?.key}: ${codes}`,
    hintOfRight("remove"),
  );
}
