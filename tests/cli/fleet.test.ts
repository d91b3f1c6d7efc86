// fold estimate --fleet: droplets, hours and dollars.
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type FleetWork, planFleet } from "../../src/cli/fleet.ts";
import { type DropletSize, readPrices } from "../../src/cli/prices.ts";
import { budgetOf, need_bytes } from "../../src/jobs/memory.ts";
import { call } from "../support/binary.ts";
import { foldErrorOf } from "../support/folds.ts";
import { samplePath } from "../support/sample.ts";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder();
const HOUR_MS = 3_600_000;

const small: DropletSize = { slug: "small", vcpus: 1, memory: 1024, disk: 25, price_hourly: 0.01 };
const large: DropletSize = { slug: "large", vcpus: 4, memory: 8192, disk: 160, price_hourly: 0.08 };
const tableOf = (...sizes: DropletSize[]) => ({ source: "test", date: "2026-01-01", sizes });
/** Ten hours on one thread. */
const book: FleetWork = { text_bytes: 1e6, prepare_ms: 1000, walk_ms: 10 * HOUR_MS, archive_bytes: 1e9 };

test("a text that is done within the hour takes one droplet, the cheapest that holds it, and no shards", () => {
  const plan = planFleet({ ...book, walk_ms: HOUR_MS / 2 }, tableOf(large, small), HOUR_MS);
  expect(plan).toMatchObject({ droplets: 1, size: "small", shards: 1, dollars: 0.01, is_in_time: true });
  // Half an hour and two fifths of it, a second of preparing, and the start.
  expect(plan.hours).toBeCloseTo((1800 * 1.4 + 1 + 120) / 3600, 3);
  // Of what costs the same, a cent, the faster.
  expect(planFleet({ ...book, walk_ms: 60_000 }, tableOf(small, large), HOUR_MS).size).toBe("large");
});

test("as many droplets as the time asks for, in shards that are several a droplet", () => {
  const plan = planFleet(book, tableOf(small), HOUR_MS);
  // 10 h x 1.4 for the archive x 1.1 for uneven shards, in what an hour leaves after the start.
  expect(plan.droplets).toBeGreaterThanOrEqual(15);
  expect(plan.droplets).toBeLessThanOrEqual(18);
  expect(plan).toMatchObject({ shards: plan.droplets * 4, is_in_time: true });
  // Each less than an hour, and so less than a cent: which is the least that a droplet costs.
  expect(plan.dollars).toBe(plan.droplets / 100);
  expect(plan.elapsed_ms).toBeLessThanOrEqual(HOUR_MS);
  const relaxed = planFleet(book, tableOf(small), 20 * HOUR_MS);
  expect(relaxed).toMatchObject({ droplets: 1, shards: 1, dollars: 0.15 });
  expect(relaxed.hours).toBeCloseTo(14.03, 2);
});

test("droplets are paid by the second; a sum of cents has no cent too many", () => {
  // Half an hour at ten dollars an hour.
  const dear = { ...small, price_hourly: 10 };
  const plan = planFleet({ ...book, walk_ms: HOUR_MS / 2.8 }, tableOf(dear), HOUR_MS);
  expect(plan.hours).toBeCloseTo(0.534, 3);
  expect(plan.dollars).toBeCloseTo(plan.hours * 10, 1);
  const dollars = Array.from({ length: 40 }, (_, i) =>
    planFleet({ ...book, walk_ms: i * HOUR_MS }, tableOf(small), HOUR_MS),
  );
  for (const { droplets, ...one } of dollars) expect(one.dollars).toBe(droplets / 100);
});

test("one droplet fewer would be late", () => {
  for (const hours of [0.25, 0.5, 1, 2, 5, 10]) {
    const plan = planFleet(book, tableOf(small), hours * HOUR_MS);
    if (!plan.is_in_time || plan.droplets === 1) continue;
    const ideal_ms = (book.walk_ms * 1.4 * 1.1) / (plan.droplets - 1);
    expect(ideal_ms + 120_000 + 5 * 1000 + 20_000).toBeGreaterThan(hours * HOUR_MS);
  }
});

test("a size whose memory does not suffice is not taken, and one that holds fewer threads uses fewer", () => {
  // On one thread this text needs more than three quarters of the small one's memory.
  const text_bytes = 20e6;
  expect(need_bytes(text_bytes, 1)).toBeGreaterThan(budgetOf(small.memory * 1024 * 1024));
  expect(planFleet({ ...book, text_bytes }, tableOf(small, large), HOUR_MS).size).toBe("large");
  const tight = { ...large, memory: 2048 };
  const plan = planFleet({ ...book, text_bytes }, tableOf(tight), HOUR_MS);
  expect(plan.threads).toBeLessThan(4);
  expect(plan.need_bytes).toBeLessThanOrEqual(plan.budget_bytes);
  expect(need_bytes(text_bytes, plan.threads + 1)).toBeGreaterThan(plan.budget_bytes);
});

test("nor one whose disk does not hold the archive twice", () => {
  const archive_bytes = 10e9;
  expect(planFleet({ ...book, archive_bytes }, tableOf(small, large), 10 * HOUR_MS).size).toBe("large");
});

test("where no size holds the text, it says what is missing; where no fleet is in time, the fastest is told", async () => {
  const error = await foldErrorOf(() => planFleet({ ...book, text_bytes: 1e9 }, tableOf(small, large), HOUR_MS));
  expect(error.message).toMatch(/no size of droplet holds this text: it needs [\d.]+ GB of memory/);
  const plan = planFleet({ ...book, walk_ms: 10_000 * HOUR_MS }, tableOf(small, large), HOUR_MS);
  expect(plan).toMatchObject({ size: "large", droplets: 100, is_in_time: false });
});

test("shards are few where preparing the text takes long", () => {
  const plan = planFleet({ ...book, prepare_ms: 600_000 }, tableOf(small), 3 * HOUR_MS);
  expect(plan.shards).toBe(plan.droplets);
});

test("the known prices are a table like any other", () => {
  const { sizes, source, date } = readPrices(null);
  expect([source.length > 0, /^\d{4}-\d{2}/.test(date)]).toEqual([true, true]);
  expect(new Set(sizes.map(({ slug }) => slug)).size).toBe(sizes.length);
  writeFileSync(join(folder, "known.json"), JSON.stringify({ source, date, sizes }));
  expect(readPrices(join(folder, "known.json"))).toEqual({ source, date, sizes: [...sizes] });
});

// As doctl prints it, with more in it than is needed.
const doctl = [
  { ...small, price_monthly: 6, regions: ["fra1"], available: true },
  { ...large, slug: "gone", price_hourly: 0.0001, available: false },
];

test("fold estimate --fleet with doctl's prices", async () => {
  const path = join(folder, "prices.json");
  writeFileSync(path, JSON.stringify(doctl));
  const ended = await call(["estimate", samplePath, "--fleet", "--prices", path, "--json"]);
  const { fleet, orthos } = JSON.parse(ended.stdout);
  expect(orthos).toBe(54_755);
  expect(fleet).toMatchObject({ droplets: 1, size: "small", shards: 1, dollars: 0.01, price_hourly: 0.01 });
  expect(fleet.prices.source).toBe(path);
  const told = await call(["estimate", samplePath, "--fleet", "--prices", path, "--hours", "2"]);
  expect(told.stdout).toContain("fleet   1 droplet small, each with 1 thread on 1 vCPU; 1 shard\n");
  expect(told.stdout).toMatch(
    /cost {4}about \$0\.01: 1 droplet for [\w ]+ at \$0\.01 an hour, at least \$0\.01 each\n/,
  );
  expect(told.stdout).toEndWith(
    `fold submit ${samplePath}\n  scripts/spawn_workers.sh --count 1 --size small --env-file worker.env\n`,
  );
  expect([told.exit, told.stderr]).toEqual([0, ""]);
});

test("without --fleet nothing is told of droplets", async () => {
  const { stdout } = await call(["estimate", samplePath, "--json"]);
  expect(JSON.parse(stdout).fleet).toBeNull();
  expect((await call(["estimate", samplePath])).stdout).not.toContain("droplet");
});

test("a text on standard input has a fleet, too", async () => {
  const { stdout } = await call(["estimate", "-", "--fleet", "--json"], { input: "a b. c d. a c. b d." });
  expect(JSON.parse(stdout).fleet).toMatchObject({ droplets: 1, is_in_time: true });
});

const mistakes: [text: string, stderr: RegExp][] = [
  ["{", /is no price table: it is no JSON\nhint: .*doctl/],
  ["null", /it has no list of sizes/],
  ["[]", /no size in it is available/],
  ['[{"vcpus": 1}]', /a size in it has no slug/],
  ['[{"slug": "a", "vcpus": 1, "memory": "1", "disk": 1, "price_hourly": 1}]', /the memory of a is no number above 0/],
  ['[{"slug": "a", "vcpus": 1, "memory": 1, "disk": 1, "price_hourly": -1}]', /the price_hourly of a is no number/],
];
test.each(mistakes)("prices %p", async (text, stderr) => {
  const path = join(folder, "bad.json");
  writeFileSync(path, text);
  const ended = await call(["estimate", samplePath, "--fleet", "--prices", path]);
  expect(ended.stderr).toMatch(stderr);
  expect([ended.exit, ended.stdout]).toEqual([2, ""]);
});

test.each([
  [["--hours", "1"], /--hours goes with --fleet/],
  [["--prices", "x"], /--prices goes with --fleet/],
  [["--fleet", "--hours", "0"], /--hours cannot be "0"/],
  [["--fleet", "--hours", "1e9"], /--hours cannot be/],
])("wrong usage: %j", async (args, stderr) => {
  const ended = await call(["estimate", samplePath, ...args]);
  expect(ended.stderr).toMatch(stderr);
  expect(ended.exit).toBe(2);
});

test("prices that are not there", async () => {
  const ended = await call(["estimate", samplePath, "--fleet", "--prices", join(folder, "none")]);
  expect(ended.stderr).toContain("cannot read the prices");
  expect(ended.exit).toBe(5);
});
