import { FoldError } from "../errors.ts";
import type { Try } from "./connection.ts";
import { isMd5, md5Of, sha256Of } from "./etag.ts";
import { infoOf, type ObjectInfo } from "./head.ts";
import type { CallOptions, Place } from "./place.ts";
import { type Deed, damaged } from "./s3-error.ts";

/** An object that was read whole. */
export interface Got {
  readonly bytes: Uint8Array;
  readonly info: ObjectInfo;
}

/**
 * Read an object into memory: all of it, compared with every hash that is known of it.
 *
 * @param most_bytes a larger one is FoldError `failed`
 * @throws S3Error `not_found`; `corrupt` where every try gave other bytes than the hashes say
 */
export async function get(
  { connection, bucket }: Place,
  key: string,
  most_bytes: number,
  { signal }: CallOptions = {},
): Promise<Got> {
  const deed = { action: "read", subject: `${bucket}/${key}` };
  return await connection.call<Got>({
    ...deed,
    signal,
    act: async (one) => {
      const answer = await one.send({ method: "GET", bucket, key });
      const info = infoOf(answer, deed);
      if (info.size_bytes > most_bytes) {
        await answer.body?.cancel();
        const message = `${deed.subject} has ${info.size_bytes} bytes, more than the ${most_bytes} that it may have`;
        throw new FoldError("failed", message, "something else was put in its place");
      }
      const bytes = new Uint8Array(info.size_bytes);
      await readBody(answer.body, deed, one, bytes.length, (piece, at) => bytes.set(piece, at));
      if (isMd5(info.etag) && md5Of(bytes) !== info.etag) throw damaged(deed, "its hash is another");
      if (info.sha256 !== null && sha256Of(bytes) !== info.sha256) throw damaged(deed, "its SHA-256 is another");
      return { bytes, info };
    },
  });
}

/**
 * Read the body of an answer, which must be of a certain length.
 *
 * @param take is given each piece and where it belongs
 * @throws S3Error `corrupt`, transient, when the body is shorter or longer
 */
export async function readBody(
  body: Response["body"],
  deed: Deed,
  { signal, touch }: Pick<Try, "signal" | "touch">,
  length: number,
  take: (piece: Uint8Array, at: number) => void | Promise<void>,
): Promise<void> {
  let at = 0;
  for await (const piece of body ?? []) {
    touch();
    if (at + piece.length > length) throw damaged(deed, "it is longer than it should be");
    await take(piece, at);
    at += piece.length;
  }
  if (at < length || signal.aborted) throw damaged(deed, `it was cut short after ${at} of ${length} bytes`);
}
