// Workers that are killed and suspended at random: in the end every text is folded exactly once. A longer run:
// npm run test:chaos.
import { expect, test } from "bun:test";
import { runChaos } from "../support/chaos.ts";
import { withFolder } from "../support/temporary.ts";

test("killed and suspended for some seconds, four workers fold every text once", async () => {
  const seed = Date.now() % 1_000_000;
  console.log(`the seed of the chaos is ${seed}`);
  await withFolder(async (folder) => {
    const outcome = await runChaos({ folder, texts: 60, processes: 4, disturbed_ms: 10_000, seed });
    expect(outcome.kills).toBeGreaterThan(0);
    expect(outcome.suspensions).toBeGreaterThan(0);
    expect(outcome.status.jobs).toEqual([]);
    expect(outcome.status.archives).toHaveLength(1);
    expect(outcome.leftovers).toEqual([]);
    expect(outcome.names).toEqual(outcome.expectedNames);
    expect(outcome.content_sha256).toBe(outcome.expected_sha256);
  });
});
