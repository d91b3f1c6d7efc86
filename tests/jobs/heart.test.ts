// The thread of heartbeats on a state directory: what arrives there, and what it tells.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { Heart } from "../../src/jobs/heart.ts";
import type { LocalStorage } from "../../src/storage/local/local-storage.ts";
import type { Attempt, JobEntry } from "../../src/storage/port.ts";
import { LocalPlace } from "../storage/local-place.ts";
import { claim } from "../storage/place.ts";
import { failBeats, workerOn } from "./workers.ts";

const OFTEN_MS = 10;
/** Eight tenths of it are the patience. */
const GRACE_MS = 4_000;
const PATIENCE_MS = 3_200;

let place: LocalPlace;
let storage: LocalStorage;
let told: string[];
let heart: Heart | null;

beforeEach(async () => {
  place = new LocalPlace();
  storage = place.open();
  for (const name of ["a", "b"]) await place.putText(name, "one two.");
  told = [];
});

afterEach(async () => {
  heart?.close();
  await place.remove();
});

/** A heart that beats so often, for attempts that are lost after GRACE_MS. */
function heartBeating(interval_ms = OFTEN_MS): Heart {
  heart = new Heart({ ...workerOn(place).request.storage, grace_ms: GRACE_MS }, interval_ms, {
    onLost: ({ name }) => told.push(`lost ${name}`),
    onMissed: ({ name }, message) => told.push(`missed ${name}: ${message}`),
  });
  return heart;
}

async function until<T>(look: () => T | null | Promise<T | null>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    await Bun.sleep(5);
  }
}

async function jobOf({ id }: Attempt): Promise<JobEntry> {
  const job = (await storage.listJobs()).find((entry) => entry.id === id);
  if (job === undefined) throw new Error(`no job ${id}`);
  return job;
}

/** Wait until a heartbeat tells of so many orthos. */
function beatWith(attempt: Attempt, orthos: number): Promise<JobEntry> {
  return until(async () => {
    const job = await jobOf(attempt);
    return job.progress?.orthos === orthos ? job : null;
  });
}

test("what is noted arrives with the next heartbeat, and is not told of the next attempt", async () => {
  const heart = heartBeating();
  const [first, second] = [await claim(storage), await claim(storage)];
  heart.watch(first);
  await beatWith(first, 0);
  heart.note(first, { share: 0.5, orthos: 7 });
  expect((await beatWith(first, 7)).progress).toEqual({ share: 0.5, orthos: 7 });
  heart.rest(first);
  heart.watch(second);
  const { progress } = await until(async () => {
    const job = await jobOf(second);
    return job.progress === null ? null : job;
  });
  expect(progress).toEqual({ share: 0, orthos: 0 });
  expect(told).toEqual([]);
});

test("two attempts at once each have their heartbeats, and each is lost alone", async () => {
  const heart = heartBeating();
  const [first, second] = [await claim(storage), await claim(storage)];
  heart.watch(first);
  heart.watch(second);
  heart.note(first, { share: 0.5, orthos: 7 });
  heart.note(second, { share: 0.1, orthos: 3 });
  await Promise.all([beatWith(first, 7), beatWith(second, 3)]);
  await storage.cancelJob(first.id);
  await until(() => (told.length > 0 ? true : null));
  heart.note(second, { share: 0.2, orthos: 4 });
  await beatWith(second, 4);
  expect(told).toEqual([`lost ${first.name}`]);
});

test("a job that was taken away is lost, once; nothing is told of attempts that are over", async () => {
  const heart = heartBeating();
  const [first, second] = [await claim(storage), await claim(storage)];
  heart.watch(first);
  heart.rest(first);
  await storage.cancelJob(first.id);
  heart.watch(second);
  await beatWith(second, 0);
  await storage.cancelJob(second.id);
  await until(() => (told.length > 0 ? true : null));
  expect(told).toEqual([`lost ${second.name}`]);
});

test("what is told of an attempt before belongs to nobody, however late it comes", async () => {
  const heart = heartBeating();
  const [first, second] = [await claim(storage), await claim(storage)];
  heart.watch(first);
  await beatWith(first, 0);
  await storage.cancelJob(first.id);
  // The thread goes on meanwhile, and tells.
  Bun.sleepSync(20 * OFTEN_MS);
  heart.rest(first);
  heart.watch(second);
  heart.note(second, { share: 0.5, orthos: 7 });
  await beatWith(second, 7);
  expect(told).toEqual([]);
});

test("an attempt that was over before its first heartbeat gets none", async () => {
  const heart = heartBeating(100);
  const [first, second] = [await claim(storage), await claim(storage)];
  heart.watch(first);
  heart.rest(first);
  heart.watch(second);
  await beatWith(second, 0);
  expect((await jobOf(first)).progress).toBeNull();
});

test("should the thread itself end, the attempt counts as lost, and the next has another thread", async () => {
  const heart = heartBeating();
  const attempt = await claim(storage);
  heart.watch(attempt);
  const inside = heart as unknown as { readonly thread: Worker | null };
  const thread = await until(() => inside.thread);
  thread.postMessage(null);
  await until(() => (told.length > 1 ? true : null));
  expect(told.map((line) => line.slice(0, "missed a".length))).toEqual([
    `missed ${attempt.name}`,
    `lost ${attempt.name}`,
  ]);
  // The next attempt has another thread.
  heart.rest(attempt);
  const next = await claim(storage);
  heart.watch(next);
  await beatWith(next, 0);
});

test("an attempt that is over gets no heartbeats any more", async () => {
  const heart = heartBeating();
  const attempt = await claim(storage);
  heart.watch(attempt);
  await beatWith(attempt, 0);
  heart.rest(attempt);
  // Many times what lies between two heartbeats.
  await until(async () => ((await jobOf(attempt)).heartbeat_age_ms ?? 0) > 50 * OFTEN_MS || null);
  expect(told).toEqual([]);
});

test("the first heartbeat does not wait for an interval that is long", async () => {
  const attempt = await claim(storage);
  heartBeating(3_600_000).watch(attempt);
  await beatWith(attempt, 0);
});

test("heartbeats that do not arrive are told; after most of the grace period the attempt counts as lost", async () => {
  const heart = heartBeating();
  const attempt = await claim(storage);
  heart.watch(attempt);
  const begun_ms = performance.now();
  // Longer than the patience, which is counted from the last one that arrived.
  await until(() => performance.now() - begun_ms > PATIENCE_MS || null);
  const orthos = 9;
  heart.note(attempt, { share: 0.5, orthos });
  await beatWith(attempt, orthos);
  const heard_ms = performance.now();
  const mend = failBeats(attempt);
  await until(() => (told.length > 2 ? true : null));
  expect(told.every((line) => line.startsWith(`missed ${attempt.name}: `))).toBe(true);
  mend();
  heart.note(attempt, { share: 0.5, orthos: orthos + 1 });
  await beatWith(attempt, orthos + 1);
  const again_ms = performance.now();
  failBeats(attempt);
  await until(() => (told.at(-1) === `lost ${attempt.name}` ? true : null));
  expect(performance.now() - heard_ms).toBeGreaterThan(again_ms - heard_ms + PATIENCE_MS / 2);
  expect(told.filter((line) => line.startsWith("lost"))).toHaveLength(1);
});
