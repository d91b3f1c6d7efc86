// What goes wrong between the database, the buckets and this machine's disk, and what the cloud storage makes of it.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { completeJob } from "../../src/db/complete-job.ts";
import { getArchive } from "../../src/db/list-archives.ts";
import { listRuns } from "../../src/db/list-runs.ts";
import { CloudStorage } from "../../src/storage/cloud/cloud-storage.ts";
import { inputKey } from "../../src/storage/cloud/keys.ts";
import { keyOf, toNewArchive } from "../../src/storage/cloud/rows.ts";
import { describeArchive } from "../../src/storage/describe-archive.ts";
import { type CloudPlace, CloudPlaces } from "../storage/cloud-place.ts";
import { claim, codeOf, finish, handOver, publish, wanted, writeTinyArchive } from "../storage/place.ts";
import { asOwner } from "../support/database.ts";
import { keysOf } from "../support/spaces.ts";

const places = new CloudPlaces();
let place: CloudPlace;
beforeEach(async () => {
  place = await places.make();
});
afterEach(() => place.remove());

test("a claim that finds no room for its folder leaves the job to others", async () => {
  await place.putText("book", "all the readers. his case of.");
  const storage = place.open();
  writeFileSync(place.config.cacheDir, "a file where a folder should be");
  const code = await codeOf(async () => void (await storage.claimNextJob(wanted())));
  expect(code).toBe("not_found");
  const [job] = await storage.listJobs();
  expect(job).toMatchObject({ state: "waiting", failures: 0, worker: null });
  const runs = await listRuns(await place.cloud.database(), job.id);
  expect(runs.map(({ outcome }) => outcome)).toEqual(["abandoned"]);
  rmSync(place.config.cacheDir);
});

test("a completion that was carried out and never answered is found by the next call", async () => {
  await place.putText("book", "all the readers. his case of.");
  const storage = place.open();
  const attempt = await claim(storage);
  await handOver(storage, attempt);
  const [key] = await keysOf(place.cloud.results);
  const path = `${place.scratch}/archive.tar.zst`;
  await place.cloud.results.getFile(key, path);
  const { name } = await completeJob(
    await place.cloud.database(),
    keyOf(attempt),
    toNewArchive(await describeArchive(path), key),
  );
  expect(await storage.completeJob(attempt)).toMatchObject({ name });
  expect(await keysOf(place.cloud.results)).toEqual([key]);
  expect(await codeOf(async () => void (await storage.completeJob(attempt)))).toBe("lease_lost");
});

test("an archive in whose place another one lies is damaged, however whole that is", async () => {
  for (const name of ["one", "two"]) await publish(place, name, `the text of ${name}.\n`);
  const { results } = place.cloud;
  const keys = await keysOf(results);
  const objects = await Promise.all(keys.map((key) => results.get(key, 1 << 20)));
  await results.put(keys[0], objects[1].bytes);
  await results.put(keys[1], objects[0].bytes);
  const storage = place.open();
  for (const name of ["one", "two"]) {
    expect(await codeOf(() => storage.openArchive(name, place.scratch))).toBe("corrupt");
  }
  expect(await storage.listArchives()).toEqual([]);
  const damaged = await storage.listDamaged();
  expect(damaged.map(({ name, error }) => [name, error.code])).toEqual([
    ["one", "corrupt"],
    ["two", "corrupt"],
  ]);
});

test("an archive that is gone from the bucket ends one merge, and others go on without it", async () => {
  for (const name of ["one", "two", "three"]) await publish(place, name, `the text of ${name}.\n`);
  const storage = place.open();
  const attempt = await claim(storage, { merges: true });
  const [gone, other] = attempt.archives;
  const row = await getArchive(await place.cloud.database(), gone);
  await place.cloud.results.remove([row?.s3Key ?? ""]);
  // Of a worker with another bucket all seem to be gone.
  const lost = new CloudStorage({
    ...place.config,
    buckets: { ...place.config.buckets, results: place.cloud.temp.name },
  });
  expect(await codeOf(() => lost.readArchives(attempt))).toBe("not_found");
  await lost.close();
  expect(await storage.listDamaged()).toEqual([]);
  expect(await codeOf(() => storage.readArchives(attempt))).toBe("corrupt");
  expect((await storage.listDamaged()).map(({ name }) => name)).toEqual([gone]);
  await storage.failJob(attempt, { code: "corrupt", message: "gone", hint: "", isFinal: true });
  const next = await claim(storage, { merges: true });
  expect([next.archives.length, next.archives.includes(gone), next.archives.includes(other)]).toEqual([2, false, true]);
  await finish(storage, next);
});

test("who may only read is told that an archive is damaged, and not of the right to note it", async () => {
  await publish(place, "one", "the text of one.\n");
  await place.damage("one");
  const { databaseUrl } = place.config;
  const role = `fold_reader_${crypto.randomUUID().slice(0, 8)}`;
  await asOwner(async (sql) => {
    await sql.unsafe(`create role ${role} login password 'reader'`);
    await sql.unsafe(`grant select on archives, fold_migrations to ${role}`);
  }, databaseUrl);
  const url = Object.assign(new URL(databaseUrl), { username: role, password: "reader" }).href;
  const storage = new CloudStorage({ ...place.config, databaseUrl: url });
  try {
    expect(await codeOf(() => storage.openArchive("one", place.scratch))).toBe("corrupt");
  } finally {
    await storage.close();
    await asOwner((sql) => sql.unsafe(`drop owned by ${role}; drop role ${role}`), databaseUrl);
  }
});

test("a text that is not what its key says is put there anew by whoever submits it", async () => {
  const text = "all the readers. his case of.";
  const key = inputKey(createHash("sha256").update(text).digest("hex"));
  await place.cloud.input.put(key, Buffer.from("x".repeat(text.length)));
  await place.putText("book", text);
  const storage = place.open();
  expect(Buffer.from(await storage.readText(await claim(storage))).toString()).toBe(text);
});

test("a text that is not what its key says is folded by nobody, however small", async () => {
  const text = "all the readers. his case of.";
  await place.putText("book", text);
  const key = inputKey(createHash("sha256").update(text).digest("hex"));
  await place.cloud.input.put(key, Buffer.from("x".repeat(text.length)));
  const storage = place.open();
  const attempt = await claim(storage);
  expect(await codeOf(async () => void (await storage.readText(attempt)))).toBe("corrupt");
});

test("an archive that is handed over twice is there once, and completes the job", async () => {
  await place.putText("book", "all the readers. his case of.");
  const storage = place.open();
  const attempt = await claim(storage);
  await handOver(storage, attempt);
  const [first] = await keysOf(place.cloud.results);
  await handOver(storage, attempt);
  const [second, ...others] = await keysOf(place.cloud.results);
  expect([second === first, others]).toEqual([false, []]);
  const { name } = await storage.completeJob(attempt);
  expect(await Bun.file(await storage.openArchive(name, place.scratch)).exists()).toBe(true);
});

test("an archive that describes itself and cannot be decoded to its end is not taken, and none of it stays", async () => {
  await place.putText("book", "all the readers. his case of.");
  const storage = place.open();
  const attempt = await claim(storage);
  const file = join(attempt.folder, "result.tar.zst");
  const archive = writeTinyArchive(file, "book", '"book"', "all the readers. his case of.");
  const whole = await Bun.file(file).bytes();
  // What is in front is the interner, which no description reads.
  const damaged = whole.findIndex((byte, at) => at > 100 && byte > 0);
  await Bun.write(file, whole.with(damaged, whole[damaged] ^ 1));
  expect((await describeArchive(file)).name).toBe("book");
  expect(await codeOf(() => storage.writeArchive(attempt, archive))).toBe("corrupt");
  expect(await keysOf(place.cloud.results)).toEqual([]);
  expect(await codeOf(async () => void (await storage.completeJob(attempt)))).toBe("failed");
});

test("a part that goes between the list and the look at it is none", async () => {
  await place.putText("book", "all the readers. his case of.");
  const storage = place.open();
  const attempt = await claim(storage);
  const parts = [Buffer.from("one"), Buffer.from("two")];
  for (const [number, bytes] of parts.entries()) await storage.spillChunk(attempt, `part-${number}`, bytes);
  expect(await storage.listChunks(attempt)).toEqual(["part-0", "part-1"]);
  const keys = await keysOf(place.cloud.temp);
  await place.cloud.temp.remove(keys.filter((key) => key.endsWith("part-0")));
  expect(await storage.readChunk(attempt, "part-0")).toBeNull();
  expect(Buffer.from((await storage.readChunk(attempt, "part-1")) ?? [])).toEqual(parts[1]);
  // Written anew, also by somebody who has not listed it.
  await place.open().spillChunk(attempt, "part-2", parts[0]);
  await storage.spillChunk(attempt, "part-0", parts[1]);
  const again = await Promise.all(["part-0", "part-2"].map((name) => storage.readChunk(attempt, name)));
  expect(again.map((bytes) => Buffer.from(bytes ?? []))).toEqual([parts[1], parts[0]]);
});
