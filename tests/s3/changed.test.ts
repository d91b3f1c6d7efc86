// An object that becomes another one while it is read: what is read is one of them, never some of each.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Bucket } from "../../src/s3/bucket.ts";
import { Connection } from "../../src/s3/connection.ts";
import { type Fault, startProxy } from "../support/proxy.ts";
import { hasty, otherWay, spaces, temporaryBucket } from "../support/spaces.ts";
import { temporaryFolder } from "../support/temporary.ts";

const SIZE_BYTES = 3 << 20;
const bucket = await temporaryBucket();
const folder = temporaryFolder();

/** Put an object of one byte, over and over, of which nobody tells a hash: its ETag is one of parts. */
async function putUnhashed({ name }: Bucket, key: string, byte: number): Promise<void> {
  const connection = new Connection(spaces);
  const { client, sdk } = await connection.open();
  const place = { Bucket: name, Key: key };
  const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand(place));
  const Body = new Uint8Array(SIZE_BYTES).fill(byte);
  const { ETag } = await client.send(new sdk.UploadPartCommand({ ...place, UploadId, PartNumber: 1, Body }));
  const MultipartUpload = { Parts: [{ ETag, PartNumber: 1 }] };
  await client.send(new sdk.CompleteMultipartUploadCommand({ ...place, UploadId, MultipartUpload }));
  await connection.close();
}

test("a file that is cut, and is another one when it goes on, is read anew", async () => {
  await putUnhashed(bucket, "book", 1);
  let gets = 0;
  let isReplaced = false;
  const decide = (): Fault | null => {
    if (++gets > 1) return isReplaced ? null : { kind: "status", status: 503 };
    void putUnhashed(bucket, "book", 2).then(() => {
      isReplaced = true;
    });
    return { kind: "truncate", after_bytes: 1 << 20, isPolite: false };
  };
  const proxy = await startProxy(spaces.endpoint, ({ method }) => (method === "GET" ? decide() : null));
  try {
    // As often as it takes until it is replaced.
    const patience = { tries: 10_000, base_ms: 4, most_ms: 50 };
    const there = otherWay(bucket, { endpoint: proxy.endpoint }, { ...hasty, patience });
    const path = join(folder, "book");
    const { info, verifiedBy } = await there.getFile("book", path);
    expect(verifiedBy).toBeNull();
    expect(new Set(readFileSync(path))).toEqual(new Set([2]));
    expect(info.etag).toBe((await bucket.head("book"))?.etag ?? "");
  } finally {
    await proxy.close();
  }
});
