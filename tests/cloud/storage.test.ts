// What goes wrong between the database, the buckets and this machine's disk, and what the cloud storage makes of it.
import { afterAll, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { completeJob } from "../../src/db/complete-job.ts";
import { listRuns } from "../../src/db/list-runs.ts";
import { CloudParts } from "../../src/storage/cloud/cloud-parts.ts";
import { keyOf, toNewArchive } from "../../src/storage/cloud/rows.ts";
import { describeArchive } from "../../src/storage/describe-archive.ts";
import { CloudPlace } from "../storage/cloud-place.ts";
import { claim, codeOf, handOver, wanted } from "../storage/place.ts";
import { keysOf } from "../support/cloud-fleet.ts";

async function newPlace(): Promise<{ place: CloudPlace; cloud: CloudParts }> {
  const place = await CloudPlace.make();
  const cloud = new CloudParts(place.config);
  afterAll(async () => {
    await cloud.close();
    await place.remove();
  });
  return { place, cloud };
}

const one = await newPlace();
const two = await newPlace();

test("a claim that finds no room for its folder leaves the job to others", async () => {
  const { place, cloud } = one;
  await place.putText("book", "all the readers. his case of.");
  const storage = place.open();
  writeFileSync(place.config.cacheDir, "a file where a folder should be");
  const code = await codeOf(async () => void (await storage.claimNextJob(wanted())));
  expect(code).toBe("not_found");
  const [job] = await storage.listJobs();
  expect(job).toMatchObject({ state: "waiting", failures: 0, worker: null });
  const runs = await listRuns(await cloud.database(), job.id);
  expect(runs.map(({ outcome }) => outcome)).toEqual(["abandoned"]);
  rmSync(place.config.cacheDir);
});

test("a completion that was carried out and never answered is found by the next call", async () => {
  const { place, cloud } = two;
  await place.putText("book", "all the readers. his case of.");
  const storage = place.open();
  const attempt = await claim(storage);
  await handOver(storage, attempt);
  const [key] = await keysOf(cloud.results);
  const path = `${place.scratch}/archive.tar.zst`;
  await cloud.results.getFile(key, path);
  const { name } = await completeJob(
    await cloud.database(),
    keyOf(attempt),
    toNewArchive(await describeArchive(path), key),
  );
  expect(await storage.completeJob(attempt)).toMatchObject({ name });
  expect(await keysOf(cloud.results)).toEqual([key]);
  expect(await codeOf(async () => void (await storage.completeJob(attempt)))).toBe("lease_lost");
});
