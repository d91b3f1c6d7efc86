// Workers of a fleet that are killed and suspended at random, on servers that fail: in the end every job was done once.
// A longer run: npm run test:chaos -- --backend cloud.
import { expect, test } from "bun:test";
import { runCloudChaos } from "../support/cloud-chaos.ts";

test("disturbed in every way for some seconds, four workers do every job of the fleet once", async () => {
  const seed = Date.now() % 1_000_000;
  console.log(`the seed of the chaos is ${seed}`);
  const outcome = await runCloudChaos({ texts: 24, shards: 4, processes: 4, disturbed_ms: 20_000, seed });
  const { disturbances, deaths, wrongJobs, wrongArchives, orphans, jobs } = outcome;
  console.log(JSON.stringify({ ...disturbances, retried: outcome.retried, jobs }));
  expect({ deaths, wrongJobs, wrongArchives, orphans }).toEqual({
    deaths: [],
    wrongJobs: [],
    wrongArchives: [],
    orphans: [],
  });
  // 24 texts, 4 shards, 23 merges and a join.
  expect(jobs).toBe(52);
  expect(disturbances.restarts).toBe(2);
  expect(disturbances.faults).toBeGreaterThan(0);
});
