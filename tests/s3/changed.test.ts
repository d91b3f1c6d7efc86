// An object that becomes another one while it is read: what is read is one of them, never some of each.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Fault, startProxy } from "../support/proxy.ts";
import { putUnhashed } from "../support/raw-object.ts";
import { hasty, otherWay, spaces, temporaryBucket } from "../support/spaces.ts";
import { temporaryFolder } from "../support/temporary.ts";

const SIZE_BYTES = 3 << 20;
const bucket = await temporaryBucket();
const folder = temporaryFolder();

/** Put an object of one byte, over and over, of which nobody tells a hash. */
async function putBytes(byte: number): Promise<void> {
  await putUnhashed(bucket, "book", new Uint8Array(SIZE_BYTES).fill(byte));
}

test("a file that is cut, and is another one when it goes on, is read anew", async () => {
  await putBytes(1);
  let gets = 0;
  let isReplaced = false;
  const decide = (): Fault | null => {
    if (++gets > 1) return isReplaced ? null : { kind: "status", status: 503 };
    void putBytes(2).then(() => {
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
