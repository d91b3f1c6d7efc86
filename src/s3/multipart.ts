import { toBase64, unquote } from "./etag.ts";
import type { FileHashes } from "./hash-file.ts";
import { head, headersOf, headWhereAllowed } from "./head.ts";
import type { CallOptions, Place, TransferOptions } from "./place.ts";
import { damaged } from "./s3-error.ts";
import { readXml, textOf, writeXml } from "./xml.ts";

/** Parts on their way at the same time; each is in memory. */
const PARALLEL = 4;
/** How long a failed upload waits for its parts to be thrown away; its own error is the one that is told. */
const ABORT_MS = 10_000;

/** Fills a buffer with what stands at a place of the file. */
export type ReadPart = (buffer: Uint8Array, from: number) => Promise<void>;

interface Options extends TransferOptions {
  readonly metadata: Readonly<Record<string, string>>;
}

interface Upload {
  readonly place: Place;
  readonly key: string;
  readonly id: string;
  readonly hashes: FileHashes;
  /** Aborted by the user, and by the first part that fails. */
  readonly signal: AbortSignal;
}

/**
 * Put a file in parts, several at a time. Either all of it is there afterwards, or nothing is left; what a lost connection
 * leaves is found by `abortStaleUploads`, and goes by the rule that `fold setup` makes.
 */
export async function putParts(
  place: Place,
  key: string,
  read: ReadPart,
  hashes: FileHashes,
  options: Options,
): Promise<void> {
  const id = await create(place, key, options);
  const failed = new AbortController();
  const signal = options.signal === undefined ? failed.signal : AbortSignal.any([failed.signal, options.signal]);
  const upload: Upload = { place, key, id, hashes, signal };
  try {
    await sendParts(upload, read, failed, options);
    await complete(upload);
    await check(upload);
  } catch (error) {
    // Also after a stop, so not by the signal of whoever stopped it.
    await abortUpload(place, key, id, { signal: AbortSignal.timeout(ABORT_MS) }).catch(() => {
      // The rule of the bucket throws the parts away in the end; the first error is the one to tell.
    });
    throw error;
  }
}

async function sendParts(upload: Upload, read: ReadPart, failed: AbortController, options: Options): Promise<void> {
  const { size_bytes, part_bytes, md5s } = upload.hashes;
  let [next, done_bytes] = [0, 0];
  let failure: unknown = null;
  const lane = async () => {
    const buffer = new Uint8Array(part_bytes);
    while (next < md5s.length && !failed.signal.aborted) {
      const index = next++;
      const from = index * part_bytes;
      const part = buffer.subarray(0, Math.min(part_bytes, size_bytes - from));
      await read(part, from);
      await sendPart(upload, index, part);
      done_bytes += part.length;
      options.onProgress?.({ done_bytes, size_bytes });
    }
  };
  const lanes = Array.from({ length: lanesOf(upload.hashes) }, () =>
    lane().catch((error: unknown) => {
      failure ??= error;
      failed.abort();
    }),
  );
  // All of them: a part that is still on its way would outlive the abort of the upload.
  await Promise.all(lanes);
  if (failure !== null) throw failure;
}

function lanesOf({ md5s }: FileHashes): number {
  return Math.min(PARALLEL, md5s.length);
}

async function sendPart({ place, key, id, hashes, signal }: Upload, index: number, part: Uint8Array): Promise<void> {
  const { connection, bucket } = place;
  const deed = { action: "write", subject: `${bucket}/${key}` };
  const md5 = hashes.md5s[index]!;
  // A part that is sent again replaces itself: there is nothing to look up before.
  await connection.call({
    ...deed,
    signal,
    // They share the line: while one is sent, so are the others.
    upload_bytes: lanesOf(hashes) * hashes.part_bytes,
    act: async ({ send }) => {
      const query = { partNumber: String(index + 1), uploadId: id };
      const headers = { "content-md5": toBase64(md5), "content-type": "application/octet-stream" };
      const { headers: told } = await send({ method: "PUT", bucket, key, query, headers, body: part });
      if (unquote(told.get("etag")) !== md5) throw damaged(deed, "another hash was stored");
    },
  });
}

async function create({ connection, bucket }: Place, key: string, { metadata, signal }: Options): Promise<string> {
  const deed = { action: "write", subject: `${bucket}/${key}` };
  return await connection.call({
    ...deed,
    signal,
    act: async ({ send }) => {
      const headers = { "content-type": "application/octet-stream", ...headersOf(metadata) };
      const answer = await send({ method: "POST", bucket, key, query: { uploads: "" }, headers });
      const id = textOf(await readXml(answer, "InitiateMultipartUploadResult", deed), "UploadId");
      if (id === undefined) throw damaged(deed, "the answer is not whole");
      return id;
    },
  });
}

async function complete({ place, key, id, hashes, signal }: Upload): Promise<void> {
  const { connection, bucket } = place;
  const Part = hashes.md5s.map((ETag, index) => ({ PartNumber: String(index + 1), ETag }));
  const body = writeXml("CompleteMultipartUpload", { Part });
  const deed = { action: "write", subject: `${bucket}/${key}` };
  const isThere = async () => {
    const found = await headWhereAllowed(place, key, { signal });
    return found?.etag === hashes.etag ? true : undefined;
  };
  try {
    await connection.call<unknown>({
      ...deed,
      signal,
      act: async ({ send }) => {
        const answer = await send({ method: "POST", bucket, key, query: { uploadId: id }, body });
        return await readXml(answer, "CompleteMultipartUploadResult", deed);
      },
      // Its answer may have got lost; while it is at it, Ceph answers 500 to whoever asks again.
      settle: isThere,
    });
  } catch (error) {
    // "No such upload" is what the second of two completions is told.
    if (signal.aborted || !(await isThere())) throw error;
  }
}

/** The answer to a completion names no ETag; so what counts is what is there. */
async function check({ place, key, hashes, signal }: Upload): Promise<void> {
  const found = await head(place, key, { signal });
  if (found?.etag === hashes.etag && found.size_bytes === hashes.size_bytes) return;
  const what = found === null ? "it is not there after it was written" : "what is there is not what was written";
  throw damaged({ action: "write", subject: `${place.bucket}/${key}` }, what);
}

/** Begin an upload and throw it away, also when it is stopped: whether that is allowed, and nothing else. */
export async function tryUpload(place: Place, key: string, { signal }: CallOptions = {}): Promise<void> {
  await abortUpload(place, key, await create(place, key, { metadata: {}, signal }));
}

/** Throw the parts of an upload away, whatever became of its connection. */
export async function abortUpload(
  { connection, bucket }: Place,
  key: string,
  id: string,
  { signal }: CallOptions = {},
): Promise<void> {
  await connection.call({
    action: "throw away the parts of",
    subject: `${bucket}/${key}`,
    signal,
    act: ({ send }) => send({ method: "DELETE", bucket, key, query: { uploadId: id } }),
  });
}
