// Objects of a real gateway: what is put comes back, and what is asked of it is what it does.
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  GetBucketLifecycleConfigurationCommand,
  type LifecycleRuleFilter,
  PutBucketLifecycleConfigurationCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { Bucket } from "../../src/s3/bucket.ts";
import { Connection } from "../../src/s3/connection.ts";
import { md5Of, sha256Of } from "../../src/s3/etag.ts";
import { partBytesOf } from "../../src/s3/hash-file.ts";
import { sign } from "../../src/s3/sign.ts";
import { type OpenUpload, openUploads } from "../../src/s3/stale-uploads.ts";
import { beginUpload } from "../support/raw-object.ts";
import { keysOf, otherWay, spaces, temporaryBucket } from "../support/spaces.ts";
import { temporaryFolder } from "../support/temporary.ts";

const bucket = await temporaryBucket();
const folder = temporaryFolder();
const whale = new TextEncoder().encode("whale");

/** A file of so many bytes that compress badly and differ everywhere. */
function fileOf(size_bytes: number): { path: string; bytes: Uint8Array } {
  const bytes = new Uint8Array(size_bytes);
  for (let at = 0; at < size_bytes; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  const path = join(folder, crypto.randomUUID());
  writeFileSync(path, bytes);
  return { path, bytes };
}

describe("bytes", () => {
  test("put, head, get, remove", async () => {
    const etag = await bucket.put("a/b c+d%é.txt", whale, { metadata: { lineage: "x" } });
    expect(etag).toBe(md5Of(whale));
    const info = await bucket.head("a/b c+d%é.txt");
    expect(info).toMatchObject({ size_bytes: 5, etag, sha256: sha256Of(whale), metadata: { lineage: "x" } });
    const got = await bucket.get("a/b c+d%é.txt", 5);
    expect(Buffer.from(got.bytes).toString()).toBe("whale");
    await bucket.remove(["a/b c+d%é.txt"]);
    await bucket.remove(["a/b c+d%é.txt"]);
    expect(await bucket.head("a/b c+d%é.txt")).toBeNull();
  });

  test("nothing at all can be stored as well", async () => {
    await bucket.put("empty", new Uint8Array());
    expect((await bucket.get("empty", 0)).bytes.length).toBe(0);
  });

  test("no more is read than was allowed", async () => {
    await bucket.put("large", new Uint8Array(1001));
    await expect(bucket.get("large", 1000)).rejects.toMatchObject({ code: "failed" });
  });

  test.each(["../a", "a/../b", "a/.", "."])("%j, which a URL would make another key of, is refused", async (key) => {
    const acts = [() => bucket.put(key, whale), () => bucket.get(key, 9), () => bucket.getFile(key, folder)];
    for (const act of acts) {
      await expect(act()).rejects.toMatchObject({ code: "usage", hint: expect.stringContaining("another name") });
    }
    expect(() => bucket.presign(key, 60)).toThrow("cannot be asked for");
  });

  test("what is not there is not found", async () => {
    await expect(bucket.get("nothing", 10)).rejects.toMatchObject({ code: "not_found", exitCode: 5 });
    await expect(bucket.getFile("nothing", join(folder, "x"))).rejects.toMatchObject({ code: "not_found" });
    expect(existsSync(join(folder, "x"))).toBe(false);
  });
});

describe("conditions", () => {
  test("of many at once one is first, and every one knows", async () => {
    const tries = Array.from({ length: 12 }, (_, i) =>
      bucket.putIf("first", new TextEncoder().encode(`${i}`), { ifAbsent: true }),
    );
    const etags = await Promise.all(tries);
    const winners = etags.flatMap((etag, i) => (etag === null ? [] : [i]));
    expect(winners.length).toBe(1);
    expect(Buffer.from((await bucket.get("first", 10)).bytes).toString()).toBe(`${winners[0]}`);
  });

  test("of many with the same content too", async () => {
    const tries = Array.from({ length: 8 }, () => bucket.putIf("same", whale, { ifAbsent: true }));
    expect((await Promise.all(tries)).filter((etag) => etag !== null).length).toBe(1);
  });

  test("an object is replaced only while it is the one that was read", async () => {
    const first = await bucket.put("changing", whale);
    const tries = ["one", "two", "three", "four"].map((text) =>
      bucket.putIf("changing", new TextEncoder().encode(text), { ifEtag: first }),
    );
    expect((await Promise.all(tries)).filter((etag) => etag !== null).length).toBe(1);
    expect(await bucket.putIf("changing", whale, { ifEtag: first })).toBeNull();
    expect(await bucket.putIf("gone", whale, { ifEtag: first })).toBeNull();
  });
});

describe("files", () => {
  // Around the borders between one piece and parts, one range and several.
  const sizes = [0, 1, 65_537, (16 << 20) - 1, 16 << 20, (16 << 20) + 1, 32 << 20, (32 << 20) + 1, 100_000_001];
  test.each(sizes)("%d bytes go there and come back", async (size_bytes) => {
    const { path, bytes } = fileOf(size_bytes);
    const seen: number[] = [];
    const put = await bucket.putFile("file", path, { onProgress: ({ done_bytes }) => seen.push(done_bytes) });
    expect(put).toMatchObject({ size_bytes, sha256: sha256Of(bytes) });
    expect(put.etag.includes("-")).toBe(size_bytes > 32 << 20);
    expect(Math.max(0, ...seen)).toBe(size_bytes);
    const back = `${path}.back`;
    const got = await bucket.getFile("file", back);
    expect(got).toMatchObject({ verifiedBy: "sha256", info: { size_bytes, etag: put.etag } });
    expect(readFileSync(back).equals(bytes)).toBe(true);
  });

  test("a file that is not what it should be is not put, an object not taken", async () => {
    const { path } = fileOf(1000);
    const sha256 = "0".repeat(64);
    await expect(bucket.putFile("wrong", path, { sha256 })).rejects.toMatchObject({ code: "corrupt" });
    expect(await bucket.head("wrong")).toBeNull();
    await bucket.putFile("right", path);
    const back = `${path}.back`;
    await expect(bucket.getFile("right", back, { sha256 })).rejects.toMatchObject({ code: "corrupt" });
    expect(readdirSync(folder).filter((name) => name.includes(".back"))).not.toContain(back);
  });

  test("a stop leaves neither parts nor pieces of a file", async () => {
    const { path } = fileOf(120_000_000);
    const [up, down] = [new AbortController(), new AbortController()];
    const put = bucket.putFile("stopped", path, { signal: up.signal, onProgress: () => up.abort() });
    await expect(put).rejects.toMatchObject({ code: "interrupted", exitCode: 130 });
    expect(await bucket.head("stopped")).toBeNull();
    expect(await bucket.abortStaleUploads("", Number.POSITIVE_INFINITY)).toBe(0);
    await bucket.putFile("whole", path);
    const got = bucket.getFile("whole", `${path}.down`, { signal: down.signal, onProgress: () => down.abort() });
    await expect(got).rejects.toMatchObject({ code: "interrupted" });
    expect(readdirSync(folder).filter((name) => name.includes(".down"))).toEqual([]);
  });
});

test.each([0, 1, 8 << 20, 10_000 * (8 << 20), 10_000 * (8 << 20) + 1, 5 * 2 ** 40])(
  "%d bytes are cut into no more parts than an upload may have, of no more than one may hold",
  (size_bytes) => {
    const part_bytes = partBytesOf(size_bytes);
    expect(Math.ceil(size_bytes / part_bytes)).toBeLessThanOrEqual(10_000);
    // Each but the last has five mebibytes at least. Pieces of one, as a file is hashed, fill it.
    expect([part_bytes >= 5 << 20, part_bytes <= 5 * 2 ** 30, part_bytes % (1 << 20)]).toEqual([true, true, 0]);
  },
);

describe("lists", () => {
  test("page by page, in order, with all that keys may hold", async () => {
    const keys = ["list/ ", "list/%41", "list/&<>'\"", "list/+", "list/a/b", "list/é", "list/\u0001"];
    for (const key of keys) await bucket.put(key, whale);
    const pages: string[][] = [];
    for await (const page of bucket.list("list/", { page: 2 })) pages.push(page.map(({ key }) => key));
    expect(pages.map((page) => page.length)).toEqual([2, 2, 2, 1]);
    expect(pages.flat()).toEqual(keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
  });

  test("more objects than one call can remove", async () => {
    const keys = Array.from({ length: 1003 }, (_, i) => `many/${i}`);
    for (let at = 0; at < keys.length; at += 50) {
      await Promise.all(keys.slice(at, at + 50).map((key) => bucket.put(key, whale)));
    }
    let count = 0;
    for await (const page of bucket.list("many/")) count += page.length;
    expect(count).toBe(1003);
    await bucket.remove(keys);
    for await (const page of bucket.list("many/")) expect(page).toEqual([]);
  });
});

describe("objects that are removed", () => {
  test("with whatever their keys hold", async () => {
    const keys = ["plain", "\u0001", "line\r\n", "\u0085", "\ufffe", "a\uffffb", "\ufffd", " <&> ", "]]>"];
    const there = keys.map((key) => `odd/${key}`);
    for (const key of there) await bucket.put(key, whale);
    await bucket.remove(there);
    expect(await keysOf(bucket, "odd/")).toEqual([]);
  });

  test("with keys so long that one call cannot name them all", async () => {
    // Each takes five kilobytes of XML.
    const keys = Array.from({ length: 300 }, (_, i) => `${i}/${"&".repeat(1_000)}`);
    const there = [keys[0]!, keys[150]!, keys[299]!];
    for (const key of there) await bucket.put(key, whale);
    await bucket.remove(keys);
    for (const key of there) expect(await bucket.head(key)).toBeNull();
  });
});

test("open uploads page by page, each once, whatever their keys", async () => {
  const keys = ["open/100%zz", "open/a b", "open/a+b", "open/a+b", "open/é/ü", "open/z\u001b<&>"];
  for (const key of keys) await beginUpload(bucket.name, key);
  for (const page of [1, 2, 1000]) {
    const found: OpenUpload[] = [];
    const place = { connection: new Connection(spaces), bucket: bucket.name };
    for await (const uploads of openUploads(place, "open/", { page })) found.push(...uploads);
    expect(found.map(({ key }) => key).sort()).toEqual(keys.toSorted());
    expect(new Set(found.map(({ id }) => id)).size).toBe(keys.length);
  }
  expect(await bucket.abortStaleUploads("open/", Number.POSITIVE_INFINITY)).toBe(keys.length);
  expect(await bucket.abortStaleUploads("open/", Number.POSITIVE_INFINITY)).toBe(0);
});

/** The lifecycle rules of a bucket to the letter: what the client of a library makes of them is not all that is told. */
async function rawRules(bucket: string): Promise<string> {
  const { url, headers } = sign(spaces, { method: "GET", bucket, query: { lifecycle: "" } });
  return await (await fetch(url, { headers })).text();
}

test("a rule is made once, mended where it was changed, and the rules of others stay", async () => {
  const tidying = { expire_days: 30, abort_days: 7 };
  expect(await bucket.hasTidying(tidying)).toBe(false);
  expect([await bucket.ensureTidying(tidying), await bucket.ensureTidying(tidying)]).toEqual([true, false]);
  expect(await bucket.ensureTidying({ ...tidying, expire_days: null })).toBe(true);
  const credentials = { accessKeyId: spaces.accessKey, secretAccessKey: spaces.secretKey };
  const client = new S3Client({ endpoint: spaces.endpoint, region: spaces.region, credentials, forcePathStyle: true });
  const of = { Bucket: bucket.name };
  try {
    const { Rules = [] } = await client.send(new GetBucketLifecycleConfigurationCommand(of));
    const changed = Rules.map((rule) => ({ ...rule, Filter: { Prefix: "elsewhere/" } }));
    const theirs = (ID: string, Filter: LifecycleRuleFilter) =>
      ({ ID, Status: "Enabled", Filter, Expiration: { Days: 3 } }) as const;
    const Tags = ["one", "two"].map((Key) => ({ Key, Value: "a & b" }));
    const others = [
      theirs("theirs", { Prefix: "theirs/" }),
      theirs("theirs, with tags", { And: { Prefix: "theirs/", Tags } }),
      theirs("theirs, with a tag", { And: { Prefix: "theirs/", Tags: Tags.slice(1) } }),
    ];
    const LifecycleConfiguration = { Rules: [...changed, ...others] };
    await client.send(new PutBucketLifecycleConfigurationCommand({ ...of, LifecycleConfiguration }));
    expect(await bucket.hasTidying({ ...tidying, expire_days: null })).toBe(false);
    const theirsAsTold = async () => (await rawRules(bucket.name)).match(/<Rule><ID>theirs.*?<\/Rule>/g);
    const before = await theirsAsTold();
    expect(before).toHaveLength(3);
    expect(await bucket.ensureTidying(tidying)).toBe(true);
    expect(await theirsAsTold()).toEqual(before);
    const after = await client.send(new GetBucketLifecycleConfigurationCommand(of));
    expect(after.Rules?.filter(({ ID }) => ID === "fold").map(({ Expiration }) => Expiration?.Days)).toEqual([30]);
  } finally {
    client.destroy();
  }
});

describe("refusals tell what to do and no secret", () => {
  const secret = "not-the-secret-0123456789";
  test.each([
    [{ secretKey: secret }, "DO_SPACES_SECRET_KEY"],
    [{ accessKey: "NOBODY", secretKey: secret }, "DO_SPACES_ACCESS_KEY"],
  ])("%j", async (changes, hint) => {
    const other = otherWay(bucket, changes);
    const acts = [
      ...[() => other.get("x", 1), () => other.put("x", whale), () => other.list("").next()],
      // What is asked by HEAD, which is answered without a word.
      ...[
        () => other.head("x"),
        () => other.getFile("x", join(folder, "x")),
        () => other.exists(),
        () => other.ensure(),
      ],
    ];
    for (const act of acts) {
      const error = await act().then(
        () => null,
        (caught: unknown) => caught as Error,
      );
      expect(error).toMatchObject({ code: "refused", exitCode: 4, hint: expect.stringContaining(hint) });
      expect(Bun.inspect(error)).not.toContain(secret);
      expect(Bun.inspect(error)).not.toContain("Signature=");
    }
  });

  test.each([`${bucket.name}/folder`, `${bucket.name}?x`, "", ".", "a b"])("%j as a bucket", async (name) => {
    const other = new Bucket(new Connection(spaces), name);
    const acts = [() => other.ensure(), () => other.put("x", whale), () => other.list("").next()];
    for (const act of acts) await expect(act()).rejects.toMatchObject({ code: "usage", exitCode: 2 });
    expect(await keysOf(bucket, "folder")).toEqual([]);
  });

  test("a name that a new bucket cannot have", async () => {
    const ensure = new Bucket(new Connection(spaces), "Of_Old").ensure();
    const hint = expect.stringContaining("DO_SPACES_BUCKET_");
    await expect(ensure).rejects.toMatchObject({ code: "usage", hint });
  });

  test("nobody there", async () => {
    const other = otherWay(bucket, { endpoint: "http://127.0.0.1:1" });
    await expect(other.get("x", 1)).rejects.toMatchObject({ code: "unreachable", exitCode: 1 });
  });
});

test("a URL lets anybody read an object", async () => {
  await bucket.put("shown", whale);
  const url = bucket.presign("shown", 60, "a 'whale'.txt");
  const answer = await fetch(url);
  expect([answer.status, await answer.text()]).toEqual([200, "whale"]);
  expect(answer.headers.get("content-disposition")).toBe("attachment; filename*=UTF-8''a%20%27whale%27.txt");
  expect((await fetch(url.replace("shown", "first"))).status).toBe(403);
  expect(() => bucket.presign("shown", 604_801)).toThrow(expect.objectContaining({ code: "usage" }));
});
