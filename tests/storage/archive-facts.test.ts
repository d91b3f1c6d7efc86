// What archives in Spaces say of themselves in their metadata, and under which keys they are.
import { expect, test } from "bun:test";
import { join } from "node:path";
import { Archive } from "../../src/archive/reader.ts";
import { Cache } from "../../src/s3/cache.ts";
import { type ArchiveFacts, factsOf, fromMetadata, toMetadata } from "../../src/storage/spaces/archive-facts.ts";
import { jobId, keyPart, keyPartOf, nameOfInput, newArchiveKey, timeOf } from "../../src/storage/spaces/keys.ts";
import { ResultArchives } from "../../src/storage/spaces/result-archives.ts";
import { temporaryBucket } from "../support/spaces.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { writeTinyArchive } from "./place.ts";

const folder = temporaryFolder();
const bucket = await temporaryBucket();

async function manifestOf(name: string, lineage: string) {
  const path = join(folder, "archive.tar.zst");
  writeTinyArchive(path, name, lineage, "one two three.\n", {
    max_dims: null,
    min_volume: 3,
    shard: { number: 2, of: 8 },
  });
  const archive = await Archive.open(path);
  archive.close();
  return archive.manifest;
}

async function factsFor(name: string, lineage: string) {
  const manifest = await manifestOf(name, lineage);
  const text = { input: `${name}.txt`, input_sha256: "a".repeat(64) };
  const facts = factsOf(manifest, name, "b".repeat(64), text);
  return { facts, metadata: toMetadata(facts, manifest) };
}

test.each(["book", "novels/a book", "é+%文\u{10428}", 'quotes " and \\', "new\nline", "a+", "+"])(
  "%j: facts come back from the gateway as they were",
  async (name) => {
    const { facts, metadata } = await factsFor(name, JSON.stringify(name.replace("\n", " ")));
    await bucket.put("object", new Uint8Array([1]), { metadata });
    expect(fromMetadata((await bucket.head("object"))!.metadata)).toEqual(facts);
  },
);

test.each(["x".repeat(1000), "文".repeat(300)])(
  "what is too long is cut, and is not taken for the whole",
  async (name) => {
    const { facts, metadata } = await factsFor(name, `("${`${name}" "`.repeat(100)}end")`);
    const text = Object.entries(metadata).flat().join("");
    expect(text).toMatch(/^[\x20-\x7e]*$/);
    // Two more fields come with every object: its hash, and who wrote it.
    expect(text.length + 64 + 36 + "fold-sha256fold-writer".length).toBeLessThan(2048);
    await bucket.put("object", new Uint8Array([1]), { metadata });
    const { metadata: found } = (await bucket.head("object"))!;
    expect(found).toMatchObject(metadata);
    expect(fromMetadata(found)).toBeNull();
    const whole = { "fold-name": "a", "fold-lineage": "%22a%22", "fold-input": "a.txt" };
    const expected: ArchiveFacts = { ...facts, name: "a", lineage: '"a"', input: "a.txt" };
    expect(fromMetadata({ ...metadata, ...whole })).toEqual(expected);
  },
);

test("the whole of what was cut is read from the archive", async () => {
  const lineage = `(${Array.from({ length: 100 }, (_, i) => `"text-${i}"`).join(" ")})`;
  const manifest = await manifestOf("union", lineage);
  const facts = factsOf(manifest, "union.shard", "b".repeat(64), { input: "x.txt", input_sha256: "a".repeat(64) });
  const archives = new ResultArchives(bucket, new Cache(join(folder, "cache"), 1 << 20));
  await archives.put("union_20260101T000000000Z_00000000.tar.zst", join(folder, "archive.tar.zst"), facts, facts);
  const [found] = await archives.all();
  expect(found?.facts).toMatchObject({ lineage, input: "x.txt", version: facts.version, orthos: 0 });
});

test("metadata of others is no facts", async () => {
  const { metadata } = await factsFor("book", '"book"');
  expect(fromMetadata({})).toBeNull();
  for (const key of Object.keys(metadata).filter((name) => !/input-sha|version/.test(name))) {
    expect({ key, facts: fromMetadata({ ...metadata, [key]: "" }) }).toMatchObject(
      // An empty name or lineage is a strange one, and still whole.
      /name|lineage|input/.test(key) ? { key } : { key, facts: null },
    );
    const { [key]: _, ...rest } = metadata;
    expect({ key, facts: fromMetadata(rest) }).toEqual({ key, facts: null });
    expect({ key, facts: fromMetadata({ ...metadata, [key]: "%E0%A4%A" }) }).toEqual({ key, facts: null });
  }
});

test("keys of archives tell name and time, and are different every time", () => {
  const now = new Date("2026-11-21T19:51:02.123Z");
  const key = newArchiveKey("novels/a_b", now);
  expect(key).toMatch(/^novels\/a_b_20261121T195102123Z_[0-9a-f]{8}\.tar\.zst$/);
  expect([keyPartOf(key), timeOf(key)]).toEqual(["novels/a_b", now.getTime()]);
  expect(newArchiveKey("novels/a_b", now)).not.toBe(key);
  expect([keyPartOf("archives/x.tar.zst"), timeOf("archives/x.tar.zst")]).toEqual([null, null]);
  expect(timeOf("x_99999999T999999999Z_00000000.tar.zst")).toBeNull();
  for (const letter of ["x", "文", "😀"]) {
    const long = newArchiveKey(letter.repeat(1000), now);
    expect(Buffer.byteLength(long)).toBeLessThan(1024);
    expect(keyPartOf(long)).toBe(keyPart(letter.repeat(1000)));
    expect(keyPart(letter.repeat(1000))).not.toBe(keyPart(letter.repeat(1001)));
  }
});

test("names of texts and ids of jobs", () => {
  expect(["a.txt", "a", "x/a.b.txt", ".txt"].map(nameOfInput)).toEqual(["a", "a", "x/a.b", ".txt"]);
  expect(jobId("novels/A Book", 1)).toMatch(/^novels-a-book-[0-9a-f]{12}$/);
  expect(jobId("文", 1)).toMatch(/^text-[0-9a-f]{12}$/);
  expect(jobId("book", { max_dims: 2 })).not.toBe(jobId("book", { max_dims: 3 }));
});
