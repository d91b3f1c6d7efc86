// npm run test:chaos: four workers on 200 texts, killed and suspended at random for a minute.
//   npm run test:chaos -- [SECONDS] [SEED]
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runChaos } from "../tests/support/chaos.ts";
import { build } from "./build.ts";

const [seconds = "60", seed = String(Date.now() % 1_000_000)] = Bun.argv.slice(2);
await build();
console.log(`the seed is ${seed}`);
const folder = mkdtempSync(join(tmpdir(), "fold-chaos-"));
const outcome = await runChaos({
  folder,
  texts: 200,
  processes: 4,
  disturbed_ms: Number(seconds) * 1000,
  seed: Number(seed),
});
const { kills, suspensions, retried, status, leftovers, names, expectedNames } = outcome;
console.log(`${kills} kills, ${suspensions} suspensions, ${retried} jobs retried after losing their workers too often`);
const checks: readonly (readonly [string, boolean])[] = [
  ["no job is left", status.jobs.length === 0],
  ["no file is left", leftovers.length === 0],
  ["one archive is left", status.archives.length === 1],
  ["every text is in it once", JSON.stringify(names) === JSON.stringify(expectedNames)],
  ["it equals the archive of all texts folded in one go", outcome.content_sha256 === outcome.expected_sha256],
];
const failed = checks.filter(([, isGood]) => !isGood);
for (const [what, isGood] of checks) console.log(`${isGood ? "yes" : "NO "}  ${what}`);
if (failed.length > 0) console.log(`what is left is in ${folder}`);
else rmSync(folder, { recursive: true, force: true });
console.log(`${checks.length - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length > 0 ? 1 : 0;
