import { unquote } from "./etag.ts";
import type { CallOptions, Place } from "./place.ts";
import { damaged } from "./s3-error.ts";
import { decodeKey, elementsOf, isTruncated, readXml, textOf } from "./xml.ts";

/** An object in a list. */
export interface Listed {
  readonly key: string;
  readonly size_bytes: number;
  /** Without quotes. */
  readonly etag: string;
  readonly modified_ms: number;
}

export interface ListOptions extends CallOptions {
  /** Objects a page, 1,000 at most. */
  readonly page?: number;
}

interface Page {
  readonly objects: readonly Listed[];
  readonly next: string | undefined;
}

/** The objects whose keys start with a prefix, in the order of their keys, a page at a time. */
export async function* list(
  place: Place,
  prefix: string,
  options: ListOptions = {},
): AsyncGenerator<readonly Listed[]> {
  for (let token: string | undefined, isFirst = true; isFirst || token !== undefined; isFirst = false) {
    const page = await readPage(place, prefix, token, options);
    if (page.objects.length > 0) yield page.objects;
    token = page.next;
  }
}

async function readPage(
  { connection, bucket }: Place,
  prefix: string,
  token: string | undefined,
  { page = 1000, signal }: ListOptions,
): Promise<Page> {
  const deed = { action: "list", subject: `${bucket}/${prefix}` };
  return await connection.call<Page>({
    ...deed,
    signal,
    act: async ({ send }) => {
      const query = {
        "list-type": "2",
        prefix,
        "max-keys": String(page),
        // XML cannot hold all that a key can.
        "encoding-type": "url",
        ...(token === undefined ? {} : { "continuation-token": token }),
      };
      const answer = await readXml(await send({ method: "GET", bucket, query }), "ListBucketResult", deed);
      const objects = elementsOf(answer, "Contents").map((object) => ({
        key: decodeKey(textOf(object, "Key")),
        size_bytes: Number(textOf(object, "Size") ?? 0),
        etag: unquote(textOf(object, "ETag")),
        modified_ms: Date.parse(textOf(object, "LastModified") ?? "") || 0,
      }));
      if (!isTruncated(answer, deed)) return { objects, next: undefined };
      const next = textOf(answer, "NextContinuationToken");
      if (next === undefined) throw damaged(deed, "the answer is not whole");
      return { objects, next };
    },
  });
}
