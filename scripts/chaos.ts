// npm run test:chaos: four workers on 200 texts, killed and suspended at random for a minute; in the cloud, on servers
// that fail.
//   npm run test:chaos -- [--backend local|cloud] [SECONDS] [SEED]
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runChaos } from "../tests/support/chaos.ts";
import { build } from "./build.ts";
import { Servers } from "./servers.ts";

const PROCESSES = 4;
const [LOCAL_TEXTS, CLOUD_TEXTS, SHARDS] = [200, 80, 8];

/** What must be true in the end, and whether it is. */
type Check = readonly [what: string, isGood: boolean];

/** Print them; whether all are good. */
function tell(checks: readonly Check[]): boolean {
  const failed = checks.filter(([, isGood]) => !isGood).length;
  for (const [what, isGood] of checks) console.log(`${isGood ? "yes" : "NO "}  ${what}`);
  console.log(`${checks.length - failed} passed, ${failed} failed`);
  return failed === 0;
}

/** Workers on one state directory. */
async function local(disturbed_ms: number, seed: number): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), "fold-chaos-"));
  const outcome = await runChaos({ folder, texts: LOCAL_TEXTS, processes: PROCESSES, disturbed_ms, seed });
  const { kills, suspensions, retried, status, leftovers, names, expectedNames } = outcome;
  console.log(
    `${kills} kills, ${suspensions} suspensions, ${retried} jobs retried after losing their workers too often`,
  );
  const isGood = tell([
    ["no job is left", status.jobs.length === 0],
    ["no file is left", leftovers.length === 0],
    ["one archive is left", status.archives.length === 1],
    ["every text is in it once", JSON.stringify(names) === JSON.stringify(expectedNames)],
    ["it equals the archive of all texts folded in one go", outcome.content_sha256 === outcome.expected_sha256],
  ]);
  if (isGood) rmSync(folder, { recursive: true, force: true });
  else console.log(`what is left is in ${folder}`);
  return isGood;
}

/** Workers of a fleet, on a PostgreSQL of their own and on a gateway that others may use. */
async function cloud(disturbed_ms: number, seed: number): Promise<boolean> {
  const servers = Servers.start(["spaces"]);
  try {
    Object.assign(process.env, await servers.variables());
    // It reads where the gateway is as soon as it is loaded.
    const { runCloudChaos } = await import("../tests/support/cloud-chaos.ts");
    const request = { texts: CLOUD_TEXTS, shards: SHARDS, processes: PROCESSES, disturbed_ms, seed };
    const outcome = await runCloudChaos(request);
    const { disturbances, retried, jobs, deaths, wrongJobs, wrongArchives, orphans } = outcome;
    for (const [what, count] of Object.entries(disturbances)) console.log(`${String(count).padStart(6)} ${what}`);
    console.log(`${jobs} jobs, ${retried} of them retried after losing their workers too often`);
    for (const line of [...deaths, ...wrongJobs, ...wrongArchives, ...orphans]) console.log(line);
    return tell([
      ["no worker has ended by itself before the work was done", deaths.length === 0],
      ["every job is completed, and once", wrongJobs.length === 0],
      ["every archive is there, whole, and equal to that of all texts folded in one go", wrongArchives.length === 0],
      ["no object is there that nobody needs", orphans.length === 0],
    ]);
  } finally {
    await servers.stop();
  }
}

const { values, positionals } = parseArgs({
  args: Bun.argv.slice(2),
  options: { backend: { type: "string", default: "local" } },
  allowPositionals: true,
});
const [seconds = "60", seed = String(Date.now() % 1_000_000), ...others] = positionals;
const run = new Map([
  ["local", local],
  ["cloud", cloud],
]).get(values.backend);
// What is no number of seconds would disturb nobody, and be passed.
if (run === undefined || !/^[1-9]\d{0,5}$/.test(seconds) || !/^\d{1,9}$/.test(seed) || others.length > 0) {
  console.error("usage: npm run test:chaos -- [--backend local|cloud] [SECONDS] [SEED]");
  process.exit(2);
}
await build();
console.log(`the seed is ${seed}`);
process.exitCode = (await run(Number(seconds) * 1000, Number(seed))) ? 0 : 1;
