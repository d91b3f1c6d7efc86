// Staleness when somebody sets the clock, or the machine sleeps.
import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { Staleness } from "../../src/storage/local/staleness.ts";
import { folderPath, newToken, type WorkFolder, writeHeartbeat } from "../../src/storage/local/work-folder.ts";
import { temporaryFolder } from "../support/temporary.ts";

const GRACE_MS = 600_000;
const HOUR_MS = 3_600_000;
const inProcess = temporaryFolder();

/** Clocks that stand still unless they are turned. */
class Clocks {
  constructor(
    private wall = 1_800_000_000_000,
    private monotonic = 5_000,
  ) {}

  wall_ms = () => this.wall;
  monotonic_ms = () => this.monotonic;

  pass(time_ms: number): void {
    this.wall += time_ms;
    this.monotonic += time_ms;
  }

  /** The wall clock alone: it is set, or the machine has slept. */
  jump(time_ms: number): void {
    this.wall += time_ms;
  }

  /** As a process sees them that starts now. */
  forNewProcess(): Clocks {
    return new Clocks(this.wall, 0);
  }
}

let folders = 0;

/** A job that was claimed now. */
function claimedAt(clocks: Clocks): WorkFolder {
  const [id, token] = [`job-${folders++}`, newToken(clocks.wall_ms())];
  const path = folderPath(inProcess, id, token, "work");
  mkdirSync(path);
  return { id, token, state: "work", path };
}

function beat(folder: WorkFolder, clocks: Clocks): void {
  writeHeartbeat(folder.path, { worker: "w", share: 0, orthos: 0, at_ms: clocks.wall_ms() });
}

test("a heartbeat counts from when it was made, whatever process looks", () => {
  const clocks = new Clocks();
  const folder = claimedAt(clocks);
  const staleness = new Staleness(clocks, GRACE_MS);
  clocks.pass(GRACE_MS);
  expect(staleness.silence_ms(folder)).toBe(GRACE_MS);
  expect(staleness.isStale(folder)).toBe(false);
  beat(folder, clocks);
  clocks.pass(GRACE_MS + 1);
  expect(staleness.isStale(folder)).toBe(true);
  expect(new Staleness(clocks.forNewProcess(), GRACE_MS).isStale(folder)).toBe(true);
});

test("a clock that is set forward, or a machine that slept, loses nobody who is alive", () => {
  const clocks = new Clocks();
  const [living, dead] = [claimedAt(clocks), claimedAt(clocks)];
  const staleness = new Staleness(clocks, GRACE_MS);
  expect(staleness.isStale(living)).toBe(false);
  clocks.jump(HOUR_MS);
  expect(staleness.isStale(living)).toBe(false);
  clocks.pass(60_000);
  beat(living, clocks);
  clocks.pass(GRACE_MS - 60_001);
  expect([living, dead].map((folder) => staleness.isStale(folder))).toEqual([false, false]);
  clocks.pass(1);
  expect([living, dead].map((folder) => staleness.isStale(folder))).toEqual([false, true]);
});

test("a process that starts right after a jump cannot know, and takes the job", () => {
  const clocks = new Clocks();
  const folder = claimedAt(clocks);
  clocks.jump(HOUR_MS);
  expect(new Staleness(clocks.forNewProcess(), GRACE_MS).isStale(folder)).toBe(true);
});

test("a clock that is corrected by seconds changes nothing", () => {
  const clocks = new Clocks();
  const folder = claimedAt(clocks);
  const staleness = new Staleness(clocks, GRACE_MS);
  clocks.pass(GRACE_MS - 1_000);
  clocks.jump(2_000);
  expect(staleness.isStale(folder)).toBe(true);
});

test("a clock that is set back frees nobody too early, and the dead a grace period later", () => {
  const clocks = new Clocks();
  const [living, dead] = [claimedAt(clocks), claimedAt(clocks)];
  const staleness = new Staleness(clocks, GRACE_MS);
  clocks.pass(1_000);
  clocks.jump(-HOUR_MS);
  expect([living, dead].map((folder) => staleness.isStale(folder))).toEqual([false, false]);
  clocks.pass(GRACE_MS);
  // Its claim still lies in the future; that it beats is seen all the same.
  beat(living, clocks);
  expect([living, dead].map((folder) => staleness.isStale(folder))).toEqual([false, false]);
  clocks.pass(1);
  expect([living, dead].map((folder) => staleness.isStale(folder))).toEqual([false, true]);
  clocks.pass(GRACE_MS);
  expect(staleness.isStale(living)).toBe(true);
});
