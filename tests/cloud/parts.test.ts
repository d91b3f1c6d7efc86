// Finished parts that are put aside for the next attempt: what arrives is found by it, and only by it.
import { afterAll, beforeEach, expect, spyOn, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PartsElsewhere } from "../../src/jobs/parts-elsewhere.ts";
import { workFolder } from "../../src/jobs/spill.ts";
import { work } from "../../src/jobs/worker.ts";
import { CloudStorage } from "../../src/storage/cloud/cloud-storage.ts";
import { Parts } from "../../src/storage/cloud/parts.ts";
import { submitTexts } from "../../src/storage/cloud/submit.ts";
import type { Attempt, Storage } from "../../src/storage/port.ts";
import { workerOn } from "../jobs/workers.ts";
import { CloudPlaces } from "../storage/cloud-place.ts";
import { claim } from "../storage/place.ts";
import { type Fault, startProxy } from "../support/proxy.ts";
import { sampleText } from "../support/sample.ts";
import { spaces } from "../support/spaces.ts";

const place = await new CloudPlaces().make();
let fault: (path: string) => Fault | null = () => null;
const puts: string[] = [];
let asked = 0;
const proxy = await startProxy(spaces.endpoint, ({ method, path }) => {
  asked++;
  if (method === "PUT") puts.push(path);
  return fault(path);
});
const faulty = new CloudStorage({ ...place.config, spaces: { ...spaces, endpoint: proxy.endpoint } });
afterAll(async () => {
  await faulty.close();
  await proxy.close();
  await place.remove();
});

const storage = place.open();
const unstopped = new AbortController().signal;
let attempt: Attempt;
beforeEach(async () => {
  fault = () => null;
  puts.length = 0;
  await place.putText("book", `all the readers. his case of. ${crypto.randomUUID()}`);
  attempt = await claim(storage);
});

const folderOf = ({ folder }: Attempt) => join(folder, "archive.work");

/** Parts of an attempt, with files of these contents put aside. */
async function putAll(files: Record<string, string>, key: string, by: Storage = storage, after_ms = 0) {
  const parts = new PartsElsewhere(by, attempt, folderOf(attempt), key, after_ms);
  mkdirSync(folderOf(attempt), { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    const path = join(folderOf(attempt), name);
    writeFileSync(path, content);
    parts.put(path);
  }
  await parts.end(false);
}

/** Give the job back and claim it again; what the next attempt finds. */
async function foundNext(key: string): Promise<Record<string, string>> {
  await storage.abandonJob(attempt, true);
  attempt = await claim(storage, { id: attempt.id });
  const folder = folderOf(attempt);
  await new PartsElsewhere(storage, attempt, folder, key, 0).fetch(unstopped);
  try {
    return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]));
  } catch {
    return {};
  }
}

test("the next attempt finds all parts, of whatever attempt, and the key that says of which fold they are", async () => {
  await putAll({ "7-0.next-5-3.10.zst": "one", "7-1.last.0.zst": "" }, "the fold");
  expect(await foundNext("the fold")).toEqual({
    key: "the fold",
    "7-0.next-5-3.10.zst": "one",
    "7-1.last.0.zst": "",
  });
  await putAll({ "9-0.last.10.zst": "two" }, "the fold");
  expect(Object.keys(await foundNext("the fold")).sort()).toEqual([
    "7-0.next-5-3.10.zst",
    "7-1.last.0.zst",
    "9-0.last.10.zst",
    "key",
  ]);
});

test("parts of another version of fold are not taken for its own, whoever came first", async () => {
  await putAll({ "7-0.last.10.zst": "old", "8-0.last.10.zst": "old" }, "version 1");
  expect(await foundNext("version 2")).toEqual({});
  await putAll({ "7-0.last.10.zst": "new", "7-0.last.11.zst": "new" }, "version 2");
  expect(await foundNext("version 1")).toEqual({
    key: "version 1",
    "7-0.last.10.zst": "old",
    "8-0.last.10.zst": "old",
  });
  expect(await foundNext("version 2")).toEqual({
    key: "version 2",
    "7-0.last.10.zst": "new",
    "7-0.last.11.zst": "new",
  });
});

test("a part that does not arrive is missing, and keeps no other one from arriving", async () => {
  fault = (path) => (path.includes("7-0.") ? { kind: "status", status: 403 } : null);
  const files = { "7-0.next-5-3.10.zst": "one", "7-1.last.10.zst": "two", "8-0.last.10.zst": "three" };
  const parts = new PartsElsewhere(faulty, attempt, folderOf(attempt), "the fold", 0);
  mkdirSync(folderOf(attempt));
  for (const [name, content] of Object.entries(files)) {
    const path = join(folderOf(attempt), name);
    writeFileSync(path, content);
    parts.put(path);
  }
  await parts.end(false);
  expect(await foundNext("the fold")).toEqual({
    key: "the fold",
    "7-1.last.10.zst": "two",
    "8-0.last.10.zst": "three",
  });
});

test("whose job it no longer is sends nothing more, nor asks for each part", async () => {
  await storage.cancelJob(attempt.id);
  let tried = 0;
  const counting: Storage = Object.assign(Object.create(faulty) as Storage, {
    spillChunk: (...args: Parameters<Storage["spillChunk"]>) => {
      tried++;
      return faulty.spillChunk(...args);
    },
  });
  await putAll({ "7-0.last.10.zst": "one", "8-0.last.10.zst": "two" }, "the fold", counting);
  expect(puts).toEqual([]);
  const parts = new PartsElsewhere(counting, attempt, folderOf(attempt), "the fold", 0);
  tried = 0;
  for (const name of readdirSync(folderOf(attempt))) {
    parts.put(join(folderOf(attempt), name));
    await parts.end(false);
  }
  expect(tried).toBe(1);
});

test("the first attempt does not ask for parts, which nobody can have left", async () => {
  const parts = new PartsElsewhere(faulty, attempt, folderOf(attempt), "the fold", 0);
  asked = 0;
  await parts.fetch(unstopped);
  expect(asked).toBe(0);
});

test("a part that has gone since it was listed is missing", async () => {
  await putAll({ "7-0.last.10.zst": "one", "8-0.last.10.zst": "two" }, "the fold");
  await storage.abandonJob(attempt, true);
  attempt = await claim(storage, { id: attempt.id });
  const names = await storage.listChunks(attempt);
  const gone = names.map((name) => name.replace("-0.", "-1."));
  const listing = spyOn(storage, "listChunks").mockResolvedValue([...gone, ...names]);
  try {
    await new PartsElsewhere(storage, attempt, folderOf(attempt), "the fold", 0).fetch(unstopped);
  } finally {
    listing.mockRestore();
  }
  expect(readdirSync(folderOf(attempt)).sort()).toEqual(["7-0.last.10.zst", "8-0.last.10.zst", "key"]);
});

test("who is stopped while he fetches parts brings those that are on their way, and no other", async () => {
  const files = Object.fromEntries(Array.from({ length: 30 }, (_, task) => [`${task}-0.last.10.zst`, "part"]));
  await putAll(files, "the fold");
  await storage.abandonJob(attempt, true);
  attempt = await claim(storage, { id: attempt.id });
  const stop = new AbortController();
  let asked = 0;
  const stopping: Storage = Object.assign(Object.create(storage) as Storage, {
    readChunk: (...args: Parameters<Storage["readChunk"]>) => {
      asked++;
      stop.abort();
      return storage.readChunk(...args);
    },
  });
  const fetched = new PartsElsewhere(stopping, attempt, folderOf(attempt), "the fold", 0).fetch(stop.signal);
  await expect(fetched).rejects.toMatchObject({ code: "interrupted" });
  expect(asked).toBeLessThan(9);
  expect(readdirSync(folderOf(attempt)).length).toBe(asked + 1);
});

test("a worker that is stopped gives the job back when all that is finished was put aside", async () => {
  const content = Buffer.from(sampleText);
  const sha256 = createHash("sha256").update(content).digest("hex");
  await storage.cancelJob(attempt.id);
  const book = { name: "sample", size_bytes: content.length, sha256, content };
  await submitTexts(place.cloud, [book], { max_dims: null, min_volume: 1, shards: 1, merge: false, again: true });
  const { spillChunk, abandonJob } = CloudStorage.prototype;
  let chunks = 0;
  const [sent, files] = [new Set<string>(), new Set<string>()];
  const spies = [
    spyOn(CloudStorage.prototype, "spillChunk").mockImplementation(async function (this: CloudStorage, ...args) {
      // The walk is faster than the network: some are on their way and some wait when it ends.
      while (chunks < 3) await Bun.sleep(10);
      await spillChunk.apply(this, args);
      sent.add(args[1].slice(args[1].indexOf(".") + 1));
    }),
    spyOn(CloudStorage.prototype, "abandonJob").mockImplementation(function (this: CloudStorage, ...args) {
      for (const name of readdirSync(workFolder(join(args[0].folder, "archive.tar.zst"))))
        if (name.endsWith(".zst")) files.add(name);
      expect([...sent].sort()).toEqual([...files].sort());
      return abandonJob.apply(this, args);
    }),
  ];
  const worker = workerOn(place, { onEvent: ({ kind }) => kind === "walking" && ++chunks === 3 && worker.stop() });
  try {
    await work(worker.request);
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  expect(files.size).toBeGreaterThanOrEqual(3);
});

test("parts that wait for the job to take some time are sent in the end, when it has", async () => {
  const { now } = performance;
  let passed_ms = 0;
  const clock = spyOn(performance, "now").mockImplementation(() => now.call(performance) + passed_ms);
  try {
    const parts = new PartsElsewhere(storage, attempt, folderOf(attempt), "the fold", 60_000);
    mkdirSync(folderOf(attempt));
    const path = join(folderOf(attempt), "7-0.last.10.zst");
    writeFileSync(path, "one");
    parts.put(path);
    passed_ms = 60_001;
    await parts.end(false);
  } finally {
    clock.mockRestore();
  }
  expect(await foundNext("the fold")).toEqual({ key: "the fold", "7-0.last.10.zst": "one" });
});

test("where nothing arrives, not every part that waits is tried before the end", async () => {
  fault = () => ({ kind: "status", status: 403 });
  const names = Array.from({ length: 20 }, (_, i) => `${i}-0.last.10.zst`);
  await putAll(Object.fromEntries(names.map((name) => [name, "one"])), "the fold", faulty);
  expect(puts.length).toBeGreaterThan(0);
  expect(puts.length).toBeLessThanOrEqual(4);
});

test("an attempt finds the latest of each part that those before it have left, and none of those after it", async () => {
  const parts = new Parts(place.cloud.temp);
  const job = crypto.randomUUID();
  for (const number of [1, 2, 3]) await parts.put(job, number, "a", new Uint8Array([number]));
  await parts.put(job, 3, "b", new Uint8Array([3]));
  const found = async (number: number) => [await parts.names(job, number), await parts.get(job, number, "a")];
  expect(await found(2)).toEqual([["a"], new Uint8Array([2])]);
  expect(await found(3)).toEqual([["a", "b"], new Uint8Array([3])]);
  expect(await parts.get(job, 2, "b")).toBeNull();
});

test("nothing is sent of a job that takes no time, nor what waits when it is done", async () => {
  await putAll({ "7-0.last.10.zst": "one" }, "the fold", faulty, 60_000);
  expect(puts).toEqual([]);
  const parts = new PartsElsewhere(faulty, attempt, folderOf(attempt), "the fold", 0);
  for (let number = 0; number < 50; number++) {
    const path = join(folderOf(attempt), `${number}-0.last.10.zst`);
    writeFileSync(path, "one");
    parts.put(path);
  }
  await parts.end(true);
  expect(puts.length).toBeLessThanOrEqual(2);
});
