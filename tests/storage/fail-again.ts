// A process that recovers a state directory a grace period later, and has its jobs fail for good, whatever they are.
//
//     bun tests/storage/fail-again.ts FOLDER
import { LocalStorage } from "../../src/storage/local/local-storage.ts";
import { TestClock } from "./local-place.ts";
import { failure, GRACE_MS, wanted } from "./place.ts";

const clock = new TestClock();
clock.pass(2 * GRACE_MS);
const storage = new LocalStorage({ folder: process.argv[2], grace_ms: GRACE_MS, whole_below_bytes: 0, clock });

async function failAll(): Promise<void> {
  await storage.reclaimStale();
  for (;;) {
    const attempt = await storage.claimNextJob(wanted());
    if (attempt === null) break;
    await storage.failJob(attempt, { ...failure, isFinal: true });
  }
  await storage.reclaimStale();
}

// Twice: so that places which reasons without a text have kept are taken again.
await failAll();
for (const { id } of await storage.listJobs()) await storage.retryJob(id);
await failAll();
