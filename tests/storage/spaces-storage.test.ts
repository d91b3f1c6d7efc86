// What only workers without coordination have: attempts of one machine that go on from each other, texts that are
// replaced, and archives that others have made of the same.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SpacesStorage } from "../../src/storage/spaces/spaces-storage.ts";
import { type Seen, startProxy } from "../support/proxy.ts";
import { keysOf, spaces } from "../support/spaces.ts";
import { claim, codeOf, finish, handOver, publish, wanted } from "./place.ts";
import { type SpacesPlace, SpacesPlaces } from "./spaces-place.ts";

const places = new SpacesPlaces();
let place: SpacesPlace;
beforeEach(async () => {
  place = await places.make();
});
afterEach(() => place.remove());

test("the work of a text that was replaced is not gone on from", async () => {
  const storage = place.open();
  await place.putText("book", "one two three.\n");
  const old = await claim(storage);
  await storage.spillChunk(old, "part-0", new Uint8Array([1]));
  await storage.abandonJob(old, true);
  await place.putText("book", "four five six.\n");
  const attempt = await claim(storage);
  expect(await storage.listChunks(attempt)).toEqual([]);
  expect(new TextDecoder().decode(await storage.readText(attempt))).toBe("four five six.\n");
});

test("half a part, as a killed worker leaves it, is none", async () => {
  const storage = place.open();
  await place.putText("book", "one two three.\n");
  const attempt = await claim(storage);
  await storage.spillChunk(attempt, "part-0", new Uint8Array([1]));
  mkdirSync(join(attempt.folder, "chunks"), { recursive: true });
  writeFileSync(join(attempt.folder, "chunks", "part-1.tmp"), "");
  expect(await storage.listChunks(attempt)).toEqual(["part-0"]);
});

test("who is alive is not freed, however long it takes", async () => {
  const storage = place.open();
  await place.putText("book", "one two three.\n");
  const attempt = await claim(storage);
  expect(await place.open().reclaimStale()).toBe(0);
  await finish(storage, attempt);
  expect(await storage.claimNextJob(wanted())).toBeNull();
});

test("an archive whose upload was refused goes to the same key at the next attempt", async () => {
  const keys: string[] = [];
  const isUpload = ({ method, path }: Seen) => method === "PUT" && path.includes(place.config.buckets.results);
  const proxy = await startProxy(spaces.endpoint, (request) => {
    if (!isUpload(request)) return null;
    keys.push(request.path.split("?")[0] as string);
    return keys.length === 1 ? { kind: "status", status: 403 } : null;
  });
  const storage = new SpacesStorage({ ...place.config, spaces: { ...spaces, endpoint: proxy.endpoint } });
  try {
    await place.putText("book", "one two three.\n");
    const first = await claim(storage);
    await handOver(storage, first);
    expect(await codeOf(() => storage.completeJob(first))).toBe("refused");
    await storage.abandonJob(first, true);
    await finish(storage, await claim(storage));
    expect([keys.length, new Set(keys).size]).toEqual([2, 1]);
  } finally {
    await storage.close();
    await proxy.close();
  }
});

test("an archive that was made twice is listed once, and others of its name are found by their numbers", async () => {
  const { results } = place.buckets.of;
  await publish(place, "book", "one two three.\n");
  const [key] = await keysOf(results);
  const { bytes, info } = await results.get(key, 1 << 20);
  await results.put(key.replace(/_[0-9a-f]{8}\./, "_ffffffff."), bytes, { metadata: info.metadata });
  await publish(place, "book", "four five six.\n");
  const storage = place.open();
  const archives = await storage.listArchives();
  expect(archives.map(({ name }) => name)).toEqual(["book", "book.2"]);
  const contents = await Promise.all(archives.map(({ name }) => storage.readInterner(name)));
  expect(contents.map((content) => Buffer.from(content).includes("four"))).toEqual([false, true]);
});

test("an archive in whose place another one lies is damaged, however whole that is", async () => {
  for (const name of ["one", "two"]) await publish(place, name, `the text of ${name}.\n`);
  const { results } = place.buckets.of;
  const keys = await keysOf(results);
  const [one, two] = await Promise.all(keys.map((key) => results.get(key, 1 << 20)));
  const metadata = Object.fromEntries(Object.entries(one.info.metadata).filter(([name]) => name.startsWith("fold-")));
  await results.put(keys[0], two.bytes, { metadata });
  expect(await codeOf(() => place.open().openArchive("one", place.scratch))).toBe("corrupt");
});
