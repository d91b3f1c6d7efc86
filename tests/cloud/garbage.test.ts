// What is collected from the buckets of a fleet, and what is not.
import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { createHash } from "node:crypto";
import type { Bucket } from "../../src/s3/bucket.ts";
import { CloudParts } from "../../src/storage/cloud/cloud-parts.ts";
import { CloudStorage } from "../../src/storage/cloud/cloud-storage.ts";
import { collectGarbage, type GarbageOptions } from "../../src/storage/cloud/collect-garbage.ts";
import {
  ARCHIVES,
  INPUTS,
  inputKey,
  JOBS,
  newArchiveKey,
  partKey,
  signaturesBelow,
} from "../../src/storage/cloud/keys.ts";
import { submitTexts } from "../../src/storage/cloud/submit.ts";
import { type CloudPlace, CloudPlaces } from "../storage/cloud-place.ts";
import { claim, codeOf, failure, finish, handOver, idOf, publish } from "../storage/place.ts";
import { asOwner, newDatabase } from "../support/database.ts";
import { startProxy } from "../support/proxy.ts";
import { beginUpload } from "../support/raw-object.ts";
import { keysOf, spaces } from "../support/spaces.ts";

const HOUR_MS = 3_600_000;
const places = new CloudPlaces();
let place: CloudPlace;
beforeEach(async () => {
  place = await places.make();
});
afterEach(() => place.remove());

function collect(changes: Partial<GarbageOptions> = {}) {
  return collectGarbage(place.cloud, { grace_ms: 0, inputs: false, takeOver: false, dryRun: false, ...changes });
}

/** Resolves once somebody waits for a lock of the fleet's database. */
async function isWaitingForLock(): Promise<void> {
  const waiting = () =>
    asOwner(
      (sql) => sql`
        select from pg_locks l join pg_database d on d.oid = l.database
        where l.locktype = 'advisory' and not l.granted and d.datname = current_database()`,
      place.config.databaseUrl,
    );
  while ((await waiting()).length === 0) await Bun.sleep(5);
}

/** All keys of the three buckets. */
async function keys(): Promise<string[]> {
  const found: string[] = [];
  for (const bucket of [place.cloud.input, place.cloud.results, place.cloud.temp])
    found.push(...(await keysOf(bucket)));
  return found.sort();
}

/** An archive that is needed, a job that waits with a part, and one of each that nobody needs. */
async function fill(): Promise<{ needed: string[]; dead: string[] }> {
  await publish(place, "book", "one two three.\n");
  await place.putText("waiting", "four five six.\n");
  const storage = place.open();
  const attempt = await claim(storage);
  await storage.spillChunk(attempt, "part-0", new Uint8Array([1]));
  await storage.abandonJob(attempt, true);
  const needed = await keys();
  const dead = [newArchiveKey(), partKey(crypto.randomUUID(), 1, "part-0")];
  await place.cloud.results.put(dead[0], new Uint8Array(10));
  await place.cloud.temp.put(dead[1], new Uint8Array(20));
  return { needed, dead };
}

test("what no row names goes, the rest stays", async () => {
  const { needed } = await fill();
  expect(await collect()).toEqual({ archives: 1, parts: 1, texts: 0, uploads: 0, size_bytes: 30 });
  expect(await keys()).toEqual(needed);
  expect(await collect()).toEqual({ archives: 0, parts: 0, texts: 0, uploads: 0, size_bytes: 0 });
});

test("what is young stays, and a dry run deletes nothing", async () => {
  const { needed, dead } = await fill();
  expect(await collect({ grace_ms: HOUR_MS })).toMatchObject({ archives: 0, parts: 0 });
  expect(await collect({ dryRun: true })).toMatchObject({ archives: 1, parts: 1, size_bytes: 30 });
  expect(await keys()).toEqual([...needed, ...dead].sort());
});

test("what an attempt has uploaded stays until it is over, however short the grace", async () => {
  await place.putText("book", "one two three.\n");
  const storage = place.open();
  const attempt = await claim(storage);
  await handOver(storage, attempt);
  await beginUpload(place.cloud.results.name, `${ARCHIVES}a.tar.zst`);
  await beginUpload(place.cloud.temp.name, `${JOBS}a`);
  expect(await collect()).toMatchObject({ archives: 0, uploads: 0 });
  await storage.completeJob(attempt);
  await storage.openArchive("book", place.scratch);
  // Of an attempt that is over nothing can come any more.
  await place.putText("other", "four five six.\n");
  const lost = await claim(storage);
  await handOver(storage, lost);
  await storage.cancelJob(lost.id);
  expect(await collect()).toMatchObject({ archives: 1, uploads: 2 });
  expect(await codeOf(() => storage.completeJob(lost))).toBe("lease_lost");
});

test("a text that is submitted again while it is thrown away is there for the job", async () => {
  const text = "one two three.\n";
  await publish(place, "book", text);
  const { input } = place.cloud;
  const remove = input.remove.bind(input);
  let again: Promise<void> | null = null;
  // The database was asked, and the text is about to go.
  const spy = spyOn(input, "remove").mockImplementation(async (...keys) => {
    again = place.putText("book again", text);
    await Promise.race([again, isWaitingForLock()]);
    await remove(...keys);
  });
  expect(await collect({ inputs: true })).toMatchObject({ texts: 1 });
  spy.mockRestore();
  await again;
  const storage = place.open();
  expect(Buffer.from(await storage.readText(await claim(storage))).toString()).toBe(text);
});

test("a text that is thrown away between its upload and its job is uploaded once more", async () => {
  const { cloud } = place;
  const text = "one two three.\n";
  await place.putText("other", "four five six.\n");
  const put = cloud.input.put.bind(cloud.input);
  const spy = spyOn(cloud.input, "put").mockImplementationOnce(async (...given) => {
    const answer = await put(...given);
    expect(await collect({ inputs: true })).toMatchObject({ texts: 1 });
    return answer;
  });
  await place.putText("book", text);
  spy.mockRestore();
  const storage = place.open();
  const attempt = await claim(storage, { id: await idOf(storage, "book") });
  expect(Buffer.from(await storage.readText(attempt)).toString()).toBe(text);
});

test("nothing goes where the database has never had a job: then the buckets are another's", async () => {
  const needed = await fill();
  const other = new CloudParts({ ...place.config, databaseUrl: await newDatabase() });
  for (const [takeOver, dryRun] of [
    [false, true],
    [false, false],
    [true, true],
    [true, false],
  ] as const) {
    const collected = collectGarbage(other, { grace_ms: 0, inputs: true, takeOver, dryRun });
    expect(await codeOf(() => collected)).toBe("conflict");
  }
  await other.close();
  expect(await keys()).toEqual([...needed.needed, ...needed.dead].sort());
  // Nor is it barred by that for whom the buckets are.
  expect(await collect()).toMatchObject({ archives: 1, parts: 1 });
});

test("whatever is put into a bucket, a signature is there before, and is written once", async () => {
  const proxy = await startProxy(spaces.endpoint, () => null);
  const config = { ...place.config, spaces: { ...spaces, endpoint: proxy.endpoint } };
  const [cloud, storage] = [new CloudParts(config), new CloudStorage(config)];
  const options = { max_dims: 2, min_volume: 1, shards: 1, merge: false, again: false };
  for (const text of ["one two three.\n", "four five six.\n"]) {
    const content = Buffer.from(text);
    const sha256 = createHash("sha256").update(content).digest("hex");
    await submitTexts(cloud, [{ name: text, size_bytes: content.length, sha256, content }], options);
    const attempt = await claim(storage);
    await storage.spillChunk(attempt, "part-0", new Uint8Array([1]));
    await finish(storage, attempt);
  }
  await Promise.all([cloud.close(), storage.close()]);
  await proxy.close();
  const put = proxy.seen.filter(({ method }) => method === "PUT").map(({ path }) => path.split("/").slice(2));
  for (const prefix of ["inputs", "archives", "jobs"]) {
    const kinds = put.filter(([first]) => first === prefix).map(([, second]) => second === "fleets");
    expect({ prefix, kinds }).toEqual({ prefix, kinds: [true, false, false] });
  }
});

test("who begins in the buckets while they are listed is found before anything of it is deleted", async () => {
  const { needed, dead } = await fill();
  const other = new CloudParts({ ...place.config, databaseUrl: await newDatabase() });
  const { results } = place.cloud;
  const list = results.list.bind(results);
  const theirs = newArchiveKey();
  const spy = spyOn(results, "list").mockImplementation(async function* (prefix, options) {
    if (prefix === ARCHIVES) {
      await other.sign("results");
      await other.results.put(theirs, new Uint8Array(1));
    }
    yield* list(prefix, options);
  });
  expect(await codeOf(() => collect())).toBe("conflict");
  spy.mockRestore();
  await other.close();
  expect(await keys()).toEqual([...needed, ...dead, theirs].sort());
});

test("of two that take buckets which nobody has signed at the same moment not both delete", async () => {
  await publish(place, "book", "one two three.\n");
  const databaseUrl = await newDatabase();
  // Enough of a job, for a database that must have had one.
  await asOwner(
    (sql) => sql`insert into jobs (id, job_type, status, name, options, dedupe_key, size_bytes, input_path)
      values (gen_random_uuid(), 'txt_file', 'pending', 'x', '{"max_dims": 2, "min_volume": 1, "shard": null}', 'x', 1, 'x')`,
    databaseUrl,
  );
  for (let round = 0; round < 5; round++) {
    for (const [bucket, prefix] of [
      [place.cloud.input, INPUTS],
      [place.cloud.results, ARCHIVES],
      [place.cloud.temp, JOBS],
    ] as const) {
      for await (const page of bucket.list(signaturesBelow(prefix))) await bucket.remove(page.map(({ key }) => key));
    }
    const both = [new CloudParts(place.config), new CloudParts({ ...place.config, databaseUrl })];
    const ended = await Promise.allSettled(
      both.map((cloud) => collectGarbage(cloud, { grace_ms: HOUR_MS, inputs: false, takeOver: false, dryRun: false })),
    );
    for (const cloud of both) await cloud.close();
    expect(ended.filter(({ status }) => status === "fulfilled").length).toBeLessThan(2);
  }
});

test("uploads that nobody has finished go when they are old, each below fold's own prefix", async () => {
  const { input, results, temp } = place.cloud;
  const begun: readonly (readonly [Bucket, string])[] = [
    [input, `${INPUTS}a.txt`],
    [results, `${ARCHIVES}a.tar.zst`],
    [temp, `${JOBS}a`],
    [temp, "theirs"],
  ];
  for (const [{ name }, key] of begun) await beginUpload(name, key);
  expect(await collect({ grace_ms: HOUR_MS })).toMatchObject({ uploads: 0 });
  for (const dryRun of [true, true, false]) expect(await collect({ dryRun })).toMatchObject({ uploads: 3 });
  expect(await temp.abortStaleUploads("", Number.POSITIVE_INFINITY)).toBe(1);
});

test("parts of a job that waits again or was put aside stay, those of a completed one go", async () => {
  await place.putText("book", "one two three.\n");
  const storage = place.open();
  const first = await claim(storage);
  await storage.spillChunk(first, "part-0", new Uint8Array([1]));
  await storage.failJob(first, { ...failure, isFinal: true });
  expect(await collect()).toMatchObject({ parts: 0 });
  await storage.retryJob(first.id);
  expect(await collect()).toMatchObject({ parts: 0 });
  const second = await claim(storage);
  expect(await storage.listChunks(second)).toEqual(["part-0"]);
  await finish(storage, second);
  // What a zombie puts there after all.
  await place.cloud.temp.put(partKey(first.id, 1, "part-1"), new Uint8Array([1]));
  expect(await collect()).toMatchObject({ parts: 1 });
  expect(await place.leftovers()).toEqual([]);
});

test("texts go only when that is asked for, and no job waits for them", async () => {
  await publish(place, "done", "one two three.\n");
  await place.putText("waiting", "four five six.\n");
  const [done, waiting] = ["one two three.\n", "four five six.\n"].map((text) =>
    inputKey(createHash("sha256").update(text).digest("hex")),
  );
  expect(await collect()).toMatchObject({ texts: 0 });
  expect(await collect({ inputs: true })).toMatchObject({ texts: 1 });
  expect((await keys()).filter((key) => key.startsWith("inputs/"))).toEqual([waiting]);
  expect(await place.cloud.input.head(done)).toBeNull();
});

test("objects of others in the buckets are left alone", async () => {
  const theirs = ["archives/notes.txt", "inputs/book.txt", "jobs/notes.txt", "reports/2026.txt"];
  await place.cloud.results.put(theirs[0], new Uint8Array(5));
  await place.cloud.input.put(theirs[1], new Uint8Array(5));
  await place.cloud.temp.put(theirs[2], new Uint8Array(5));
  await place.cloud.results.put(theirs[3], new Uint8Array(5));
  await collect({ inputs: true });
  expect(await keys()).toEqual(theirs);
});
