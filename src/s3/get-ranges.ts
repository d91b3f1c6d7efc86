import type { FileHandle } from "node:fs/promises";
import { fromSystemError } from "../errors.ts";
import { readBody } from "./get.ts";
import type { ObjectInfo } from "./head.ts";
import type { Place, TransferOptions } from "./place.ts";
import { damaged } from "./s3-error.ts";

/** What one lane fetches at a time. */
const RANGE_BYTES = 16 << 20;
const PARALLEL = 4;

/** A part of an object that goes into a file at the same place. */
interface Range {
  readonly place: Place;
  readonly key: string;
  readonly info: ObjectInfo;
  readonly from: number;
  readonly to: number;
  readonly signal: AbortSignal;
  readonly write: (piece: Uint8Array, at: number) => Promise<void>;
}

/**
 * Fetch an object into an open file, several ranges at a time.
 *
 * @param path what messages call the file
 * @param follow is called with one range after the other in the order of the file, once they are written
 * @throws S3Error `conflict` when the object is not the one that `info` describes any more
 */
export async function getRanges(
  place: Place,
  key: string,
  info: ObjectInfo,
  file: FileHandle,
  path: string,
  options: TransferOptions,
  follow: (from: number, to: number) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const signal = options.signal === undefined ? failed.signal : AbortSignal.any([failed.signal, options.signal]);
  const { size_bytes } = info;
  let [next, done_bytes] = [0, 0];
  let failure: unknown = null;
  const fail = (error: unknown) => {
    failure ??= error;
    failed.abort();
  };
  const written = Array.from({ length: Math.ceil(size_bytes / RANGE_BYTES) }, () => Promise.withResolvers<void>());
  failed.signal.addEventListener("abort", () => {
    for (const { resolve } of written) resolve();
  });
  const write = async (piece: Uint8Array, at: number) => {
    try {
      for (let done = 0; done < piece.length; ) {
        done += (await file.write(piece, done, piece.length - done, at + done)).bytesWritten;
      }
    } catch (error) {
      // A FoldError: a disk is not tried again like a connection.
      throw fromSystemError(error, "write the file", path);
    }
    done_bytes += piece.length;
    options.onProgress?.({ done_bytes, size_bytes });
  };
  const lane = async () => {
    while (next < size_bytes && !failed.signal.aborted) {
      const from = next;
      next = Math.min(size_bytes, from + RANGE_BYTES);
      await getRange({ place, key, info, from, to: next, signal, write });
      written[from / RANGE_BYTES]!.resolve();
    }
  };
  const follower = async () => {
    for (const [index, { promise }] of written.entries()) {
      await promise;
      if (failed.signal.aborted) return;
      await follow(index * RANGE_BYTES, Math.min(size_bytes, (index + 1) * RANGE_BYTES));
    }
  };
  const lanes = Array.from({ length: Math.min(PARALLEL, written.length) }, () => lane().catch(fail));
  // All of them: the file is closed afterwards.
  await Promise.all([...lanes, follower().catch(fail)]);
  if (failure !== null) throw failure;
}

/** Fetch one range; after a cut it goes on from the last byte that was written. */
async function getRange({ place, key, info, from, to, signal, write }: Range): Promise<void> {
  const { connection, bucket } = place;
  const deed = { action: "read", subject: `${bucket}/${key}` };
  let at = from;
  while (at < to) {
    // Patience is for an other side that gives nothing: as long as something comes, it starts anew.
    const begun = at;
    await connection.call<unknown>({
      ...deed,
      signal,
      act: async (one) => {
        const headers = { range: `bytes=${at}-${to - 1}`, "if-match": info.etag };
        const answer = await one.send({ method: "GET", bucket, key, headers });
        const told = `bytes ${at}-${to - 1}/${info.size_bytes}`;
        if (answer.headers.get("content-range") !== told)
          throw damaged(deed, "another range was sent than was asked for");
        const start = at;
        await readBody(answer.body, deed, one, to - start, async (piece, offset) => {
          await write(piece, start + offset);
          at = start + offset + piece.length;
        });
      },
      settle: () => Promise.resolve(at > begun ? true : undefined),
    });
  }
}
