// Every change that a piece of work makes to the disk fails once, or is where the process ends. Whatever it was, a
// restart heals: every text is there exactly once, in an archive or in a job, and nothing else is left.
import { expect, test } from "bun:test";
import { interceptChanges } from "../../src/storage/local/files.ts";
import type { Attempt, Storage } from "../../src/storage/port.ts";
import { quickParent } from "../support/temporary.ts";
import { LocalPlace } from "./local-place.ts";
import { failure, finishAll, GRACE_MS, textsIn } from "./place.ts";
import { type Scenario, scenarios } from "./scenarios.ts";

/** More changes than any scenario makes. */
const MOST_CHANGES = 500;

interface Fault {
  readonly name: string;
  /** Whether the process is gone, and cannot even tidy up. */
  readonly isEnd: boolean;
  /** Whether the worker, still alive, says that its job has failed. */
  readonly isReported: boolean;
}

const faults: readonly Fault[] = [
  { name: "fails", isEnd: false, isReported: false },
  { name: "fails, and the worker says so", isEnd: false, isReported: true },
  { name: "is where the process ends", isEnd: true, isReported: false },
];

/** Run a scenario with a fault before its Nth change; the name of that change, or null when it makes fewer. */
async function runWithFault(
  scenario: Scenario,
  storage: Storage,
  fault: Fault,
  number: number,
): Promise<string | null> {
  let changes = 0;
  let hit: string | null = null;
  let attempt: Attempt | null = null;
  const restore = interceptChanges((change) => {
    changes++;
    if (changes === number) hit = change;
    if (changes === number || (fault.isEnd && changes > number)) {
      throw Object.assign(new Error("planted"), { code: "EIO" });
    }
  });
  try {
    await scenario.run(storage, (claimed) => {
      attempt = claimed;
    });
  } catch (error) {
    if (hit === null) throw error;
    if (fault.isReported && attempt !== null) await report(storage, attempt);
  } finally {
    restore();
  }
  return hit;
}

async function report(storage: Storage, attempt: Attempt): Promise<void> {
  try {
    await storage.failJob(attempt, failure);
  } catch {
    // The lease is lost when the fault came after the job had gone on.
  }
}

/** The names of all texts, those in merges that wait included. */
async function allTexts(storage: Storage): Promise<string[]> {
  const waiting = (await storage.listJobs()).filter(({ kind, state }) => kind === "merge" && state === "waiting");
  return [...(await textsIn(storage)), ...waiting.flatMap(({ name }) => name.split(" + "))].sort();
}

async function checkHealed(place: LocalPlace, scenario: Scenario): Promise<void> {
  place.pass(GRACE_MS + 1_000);
  const storage = place.open();
  await storage.reclaimStale();
  expect(await allTexts(storage)).toEqual([...scenario.texts]);
  const jobs = await storage.listJobs();
  expect(jobs.filter(({ state }) => state === "running")).toEqual([]);
  expect(Math.max(0, ...jobs.map(({ failures }) => failures))).toBeLessThanOrEqual(scenario.mostFailures);
  await finishAll(storage);
  expect(await allTexts(storage)).toEqual([...scenario.texts]);
  expect(await place.leftovers()).toEqual([]);
  for (const { id, state } of await storage.listJobs()) {
    expect(state).toBe("failed");
    await storage.retryJob(id);
  }
  await finishAll(storage);
  expect((await storage.listArchives()).length).toBe(1);
  expect(await textsIn(storage)).toEqual([...scenario.texts]);
  expect(await place.leftovers()).toEqual([]);
}

const cases = scenarios.flatMap((scenario) =>
  faults.map((fault) => [scenario.name, fault.name, scenario, fault] as const),
);

test.each(cases)("%s: each change %s", async (_name, _fault, scenario, fault) => {
  for (let number = 1; number < MOST_CHANGES; number++) {
    const place = new LocalPlace(quickParent);
    let hit: string | null = null;
    try {
      await scenario.prepare(place);
      hit = await runWithFault(scenario, place.open(), fault, number);
      await checkHealed(place, scenario);
    } catch (cause) {
      throw new Error(`after change ${number}: ${hit?.replaceAll(place.folder, "")}`, { cause });
    } finally {
      await place.remove();
    }
    if (hit === null) {
      expect(number).toBeGreaterThan(3);
      return;
    }
  }
  throw new Error(`${scenario.name} makes more than ${MOST_CHANGES} changes`);
});
