// Texts and archives that Spaces do not give or take: which of them counts as failed, and which is waited for.
import { afterAll, expect, test } from "bun:test";
import { Connection } from "../../src/s3/connection.ts";
import { openUploads } from "../../src/s3/stale-uploads.ts";
import type { Attempt } from "../../src/storage/port.ts";
import { SpacesStorage } from "../../src/storage/spaces/spaces-storage.ts";
import { foldErrorOf } from "../support/folds.ts";
import { type Fault, type Seen, startProxy } from "../support/proxy.ts";
import { beginUpload, putRaw } from "../support/raw-object.ts";
import { hasty, spaces } from "../support/spaces.ts";
import { claim, codeOf, failure, finish, handOver, wanted } from "./place.ts";
import { type SpacesPlace, SpacesPlaces } from "./spaces-place.ts";

const emptyPlaces = new SpacesPlaces();
const text = "one two three. four five six.\n";
const broken: Fault = { kind: "status", status: 500 };
const closing: (() => Promise<void> | void)[] = [];
afterAll(async () => {
  for (const close of closing.reverse()) await close();
});

async function newPlace(...names: readonly string[]): Promise<SpacesPlace> {
  const place = await emptyPlaces.make();
  closing.push(() => place.remove());
  for (const name of names) await place.putText(name, text);
  return place;
}

/** A worker that reaches its buckets through a proxy, and is soon through with trying again. */
async function throughProxy(place: SpacesPlace, decide: (request: Seen) => Fault | null, tries = 2) {
  const proxy = await startProxy(spaces.endpoint, decide);
  const config = { ...place.config, spaces: { ...spaces, endpoint: proxy.endpoint } };
  const storage = new SpacesStorage(config, { ...hasty, patience: { tries, base_ms: 1, most_ms: 4 } });
  closing.push(async () => {
    await storage.close();
    await proxy.close();
  });
  return storage;
}

/** The codes of errors until another than this comes; then that one, or the result. */
async function until<T>(
  code: string,
  act: () => Promise<T>,
): Promise<{ readonly count: number; readonly end: T | string }> {
  for (let count = 0; count < 50; count++) {
    let found = "";
    const end = await act().catch((error: { code: string }) => {
      found = error.code;
      return null;
    });
    if (found !== code) return { count, end: end ?? found };
  }
  throw new Error(`50 times ${code}`);
}

test("a text that is never answered does not keep the others waiting, and fails in the end", async () => {
  const place = await newPlace("bad", "good");
  const text = "words that no other text has.\n";
  await place.putText("bad", text);
  let isBroken = true;
  const storage = await throughProxy(place, ({ method, path }) => {
    return isBroken && method === "GET" && path.includes("/bad.txt") ? broken : null;
  });
  const good = await claim(storage);
  expect(good.name).toBe("good");
  await finish(storage, good);
  const { count, end } = await until("unreachable", () => storage.claimNextJob(wanted()));
  expect(count).toBe(8);
  for (let attempt = end as Attempt | null; attempt !== null; attempt = await storage.claimNextJob(wanted())) {
    expect(attempt.name).toBe("bad");
    const { code, message } = await foldErrorOf(() => storage.readText(attempt as Attempt));
    expect([code, message]).toEqual(["failed", expect.stringMatching(/bad\.txt: it answered 500, 1\d times in a row/)]);
    await storage.failJob(attempt, { ...failure, code, message });
  }
  expect((await storage.listJobs()).map(({ name, state }) => [name, state])).toEqual([["bad", "failed"]]);
  isBroken = false;
  await storage.assign();
  expect(new TextDecoder().decode(await storage.readText(await claim(storage)))).toBe(text);
});

test("an archive that is never taken is a failure in the end, and is kept for the next attempt", async () => {
  const place = await newPlace("book");
  let isBroken = true;
  const storage = await throughProxy(place, ({ method }) => (isBroken && method === "PUT" ? broken : null));
  const attempt = await claim(storage);
  await handOver(storage, attempt);
  expect(await until("unreachable", () => storage.completeJob(attempt))).toEqual({ count: 9, end: "failed" });
  expect(await storage.failJob(attempt, failure)).toBe(false);
  isBroken = false;
  const next = await claim(storage);
  expect(await Bun.file(`${next.folder}/result.tar.zst`).exists()).toBe(true);
  await finish(storage, next);
});

test("a bucket that is away is waited for, however long", async () => {
  const place = await newPlace("book");
  let isAway = false;
  const storage = await throughProxy(place, () => (isAway ? broken : null));
  const attempt = await claim(storage);
  await handOver(storage, attempt);
  isAway = true;
  for (let i = 0; i < 15; i++) expect(await codeOf(() => storage.completeJob(attempt))).toBe("unreachable");
  isAway = false;
  await storage.completeJob(attempt);
});

test("a text that has gone is told when the others are done", async () => {
  const place = await newPlace("a", "b");
  const storage = place.open();
  await storage.assign();
  await storage.inputs.bucket.remove(["a.txt"]);
  const attempt = await claim(storage);
  expect(attempt.name).toBe("b");
  await finish(storage, attempt);
  const { code, message } = await foldErrorOf(() => storage.claimNextJob(wanted()));
  expect([code, message]).toEqual(["not_found", expect.stringContaining('there is no "a.txt"')]);
  // What was folded may go.
  await storage.inputs.bucket.put("a.txt", Buffer.from(text));
  await storage.inputs.bucket.remove(["b.txt"]);
  await finish(storage, await claim(storage));
  expect(await storage.claimNextJob(wanted())).toBeNull();
});

test("a text that is damaged in the bucket fails, and the others are folded", async () => {
  const place = await newPlace("a", "b");
  const { bucket } = place.open().inputs;
  await putRaw(bucket, "a.txt", Buffer.from("other words."), { "fold-sha256": "0".repeat(64) });
  const storage = place.open();
  const damaged = await claim(storage);
  expect(damaged.name).toBe("a");
  expect(await codeOf(() => storage.readText(damaged))).toBe("corrupt");
  expect(await storage.failJob(damaged, { ...failure, isFinal: true })).toBe(true);
  expect((await finish(storage, await claim(storage))).name).toBe("b");
});

test("a text that is replaced while it is fetched is not taken for the one that was seen", async () => {
  const place = await newPlace("book");
  let isReplaced = false;
  let isBegun = false;
  const replace = async () => {
    await place.putText("book", "quite another text.\n");
    isReplaced = true;
  };
  const storage = await throughProxy(
    place,
    ({ method, path }) => {
      if (method !== "HEAD" || !path.includes("/book.txt") || isReplaced) return null;
      if (!isBegun) void replace();
      isBegun = true;
      return { kind: "status", status: 503 };
    },
    1000,
  );
  const early = await claim(storage);
  expect(await codeOf(() => storage.readText(early))).toBe("conflict");
  await storage.failJob(early, failure);
  const next = await claim(storage);
  expect(new TextDecoder().decode(await storage.readText(next))).toBe("quite another text.\n");
  expect((await storage.listJobs())[0]?.failures).toBe(0);
});

test("a missing bucket for results is told before anything is folded", async () => {
  const place = await newPlace("book");
  const config = { ...place.config, buckets: { ...place.config.buckets, results: "fold-test-not-there" } };
  const storage = new SpacesStorage(config);
  closing.push(() => storage.close());
  const { code, message } = await foldErrorOf(() => storage.assign());
  expect([code, message]).toEqual(["not_found", "there is no bucket fold-test-not-there"]);
});

test("an upload in parts that a killed worker has begun is thrown away by its successor", async () => {
  const place = await newPlace("book");
  const keys: string[] = [];
  const first = await throughProxy(place, ({ method, path }) => {
    if (method !== "PUT") return null;
    keys.push(decodeURIComponent(path.replace(/^\/[^/]*\//, "").replace(/\?.*/, "")));
    return broken;
  });
  const attempt = await claim(first);
  await handOver(first, attempt);
  await codeOf(() => first.completeJob(attempt));
  await first.abandonJob(attempt, true);
  const connection = new Connection(spaces);
  const bucket = { connection, bucket: place.config.buckets.results };
  const open = async () => {
    const found: string[] = [];
    for await (const page of openUploads(bucket, "")) found.push(...page.map(({ key }) => key));
    return found;
  };
  const key = keys[0] ?? "";
  const others = "book_20200101T000000000Z_00000000.tar.zst";
  for (const one of [key, others]) await beginUpload(bucket.bucket, one);
  expect((await open()).sort()).toEqual([others, key].sort());
  const next = place.open();
  await finish(next, await claim(next));
  expect(await open()).toEqual([others]);
});
