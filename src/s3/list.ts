import { unquote } from "./etag.ts";
import type { CallOptions, Place } from "./place.ts";
import { damaged } from "./s3-error.ts";

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
    act: async ({ client, sdk, how }) => {
      const command = new sdk.ListObjectsV2Command({
        Bucket: bucket,
        Prefix: prefix,
        MaxKeys: page,
        // XML cannot hold all that a key can.
        EncodingType: "url",
        ...(token === undefined ? {} : { ContinuationToken: token }),
      });
      const answer = await client.send(command, how);
      // These two are in every whole answer.
      if (answer.IsTruncated === undefined || (answer.IsTruncated && answer.NextContinuationToken === undefined)) {
        throw damaged(deed, "the answer is not whole");
      }
      const objects = (answer.Contents ?? []).map(({ Key, Size, ETag, LastModified }) => ({
        key: decodeURIComponent((Key ?? "").replaceAll("+", " ")),
        size_bytes: Size ?? 0,
        etag: unquote(ETag),
        modified_ms: LastModified?.getTime() ?? 0,
      }));
      return { objects, next: answer.IsTruncated ? answer.NextContinuationToken : undefined };
    },
  });
}
