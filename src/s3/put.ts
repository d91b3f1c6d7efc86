import { md5Of, sha256Of, toBase64, unquote } from "./etag.ts";
import { head, headersOf, headWhereAllowed } from "./head.ts";
import { type CallOptions, type Place, SHA256_KEY, WRITER_KEY } from "./place.ts";
import { damaged, S3Error } from "./s3-error.ts";

/** When a put is to happen at all. */
export type Condition = { readonly ifAbsent: true } | { readonly ifEtag: string };

export interface PutOptions extends CallOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  /** Of the bytes, where it is known already. */
  readonly sha256?: string;
}

/**
 * Put bytes under a key, whatever is there now.
 *
 * @returns the ETag, without quotes
 */
export async function put(place: Place, key: string, bytes: Uint8Array, options: PutOptions = {}): Promise<string> {
  const etag = await send(place, key, bytes, null, options);
  // Without a condition nobody can be first.
  if (etag === null) throw new Error("a put without a condition lost a race");
  return etag;
}

/**
 * Put bytes under a key if that is free, or still holds what was read.
 *
 * The losers of a race are told so in several ways, and a winner's answer may get lost. So whoever is not told plainly
 * that it has won looks at what is there: the object names the call that wrote it.
 *
 * @returns the ETag, without quotes; null when somebody else was faster
 */
export async function putIf(
  place: Place,
  key: string,
  bytes: Uint8Array,
  condition: Condition,
  options: PutOptions = {},
): Promise<string | null> {
  return await send(place, key, bytes, condition, options);
}

async function send(
  place: Place,
  key: string,
  bytes: Uint8Array,
  condition: Condition | null,
  { metadata, sha256 = sha256Of(bytes), signal }: PutOptions,
): Promise<string | null> {
  const { connection, bucket } = place;
  const md5 = md5Of(bytes);
  const writer = crypto.randomUUID();
  const deed = { action: "write", subject: `${bucket}/${key}` };
  /** Whether it was us: undefined while nothing is decided. */
  const settle = async (): Promise<string | null | undefined> => {
    // Without a condition the same bytes may be put once more; who has won a race has to be seen.
    const look = condition === null ? headWhereAllowed : head;
    const found = await look(place, key, { signal });
    if (found?.metadata[WRITER_KEY] === writer && found.etag === md5) return found.etag;
    if (condition === null) return undefined;
    const isOpen = "ifAbsent" in condition ? found === null : found?.etag === condition.ifEtag;
    return isOpen ? undefined : null;
  };
  try {
    return await connection.call<string | null>({
      ...deed,
      signal,
      upload_bytes: bytes.length,
      act: async ({ send }) => {
        const headers = {
          "content-md5": toBase64(md5),
          "content-type": "application/octet-stream",
          ...headersOf({ ...metadata, [SHA256_KEY]: sha256, [WRITER_KEY]: writer }),
          ...conditionOf(condition),
        };
        const etag = unquote((await send({ method: "PUT", bucket, key, headers, body: bytes })).headers.get("etag"));
        if (etag !== md5) throw damaged(deed, "what was stored has another hash");
        return etag;
      },
      settle,
    });
  } catch (error) {
    const isLost = condition !== null && error instanceof S3Error && [404, 412].includes(error.status ?? 0);
    // A missing bucket is a 404 as well, and not a race.
    if (!isLost || (error.status === 404 && "ifAbsent" in condition)) throw error;
    return (await settle()) ?? null;
  }
}

function conditionOf(condition: Condition | null): Record<string, string> {
  if (condition === null) return {};
  return "ifAbsent" in condition ? { "if-none-match": "*" } : { "if-match": condition.ifEtag };
}
