// Real processes on one state directory that stop themselves, or are killed, before each of their changes; meanwhile
// another one takes their jobs and finishes them.
import { afterAll, expect, test } from "bun:test";
import { quickParent } from "../support/temporary.ts";
import { callsOf } from "./calls.ts";
import { textOfSize } from "./cases/merges.ts";
import { LocalPlace } from "./local-place.ts";
import { claim, finish, finishAll, GRACE_MS, publish, textsIn, wanted } from "./place.ts";
import { type Command, Driver, type JobOrder } from "./processes.ts";

/** More changes than a job makes. */
const MOST_CHANGES = 200;
/** Where tests of one process show the same before every change (faults.test.ts), every second is enough. */
const STRIDE = 2;

const running = new Set<Driver>();
afterAll(() => {
  // A process that is stopped outlives the test that failed.
  for (const driver of running) driver.kill("SIGKILL");
});

function start(command: Command, address = ""): Driver {
  const driver = new Driver(command, address);
  running.add(driver);
  void driver.exited.then(() => running.delete(driver));
  return driver;
}

function order({ address }: LocalPlace, signal: NodeJS.Signals, stopBefore: number): string {
  return JSON.stringify({ address, signal, stopBefore } satisfies JobOrder);
}

const text = { texts: ["book"], prepare: (place: LocalPlace) => place.putText("book", "one two three.\n") };
const merge = {
  texts: ["a", "b"],
  prepare: async (place: LocalPlace) => {
    await publish(place, "a", textOfSize(1));
    await publish(place, "b", textOfSize(2));
  },
};

/** Another worker, a grace period later, recovers and does all that is left. */
async function takeOver(place: LocalPlace): Promise<void> {
  place.pass(GRACE_MS + 1_000);
  const storage = place.open();
  await storage.reclaimStale();
  await finishAll(storage);
}

/** Another worker recovers and claims what is left; it finishes that when it is told to. */
async function beginToTakeOver(place: LocalPlace): Promise<() => Promise<void>> {
  place.pass(GRACE_MS + 1_000);
  const storage = place.open();
  await storage.reclaimStale();
  const attempt = await storage.claimNextJob(wanted({ merges: true }));
  return async () => {
    if (attempt !== null) await finish(storage, attempt);
  };
}

/**
 * Stop a process before the Nth change of a job.
 *
 * @param meanwhile what another does while it is stopped; what that returns is done when the job is over
 * @returns what it says in the end, and the change, null when it makes fewer
 */
async function stopAndWake(
  driver: Driver,
  place: LocalPlace,
  number: number,
  meanwhile: (place: LocalPlace) => Promise<unknown>,
): Promise<{ change: string | null; end: string }> {
  await driver.tell(order(place, "SIGSTOP", number));
  const line = await driver.next();
  if (!line.startsWith("before ")) return { change: null, end: line };
  const later = await meanwhile(place);
  // More than once: on a busy machine it may not have stopped yet when it is woken.
  driver.kill("SIGCONT");
  const waking = setInterval(() => driver.kill("SIGCONT"), 20);
  try {
    const end = await driver.next();
    if (typeof later === "function") await later();
    return { change: line, end };
  } finally {
    clearInterval(waking);
  }
}

test.each([
  ["a text, which another finishes meanwhile", text, takeOver],
  ["a text, which another has begun meanwhile", text, beginToTakeOver],
  ["a merge, which another finishes meanwhile", merge, takeOver],
  ["a merge, which another has begun meanwhile", merge, beginToTakeOver],
] as const)("a worker at %s: stopped before a change and woken it harms nothing", async (_, job, meanwhile) => {
  const { prepare, texts } = job;
  // One process for all: each job is on a storage of its own.
  const driver = start("jobs");
  for (let number = 1; number < MOST_CHANGES; number++) {
    const place = new LocalPlace(quickParent);
    try {
      await prepare(place);
      const { change, end } = await stopAndWake(driver, place, number, meanwhile);
      // Completed: it was stopped when its archive was safe. Nothing to do: before its claim.
      expect({ change, end }).toEqual({
        change,
        end: expect.stringMatching(/^(lease_lost|completed|nothing to do)$/),
      });
      expect({ change, texts: await textsIn(place.open()) }).toEqual({ change, texts: [...texts] });
      await takeOver(place);
      expect((await place.open().listArchives()).length).toBe(1);
      expect(await textsIn(place.open())).toEqual([...texts]);
      expect({ change, left: await place.leftovers() }).toEqual({ change, left: [] });
      if (change === null) return await driver.end();
    } finally {
      await place.remove();
    }
  }
  throw new Error(`a job makes more than ${MOST_CHANGES} changes`);
});

test.each([
  ["a text", text, 1],
  ["a merge", merge, 2],
] as const)(
  "%s: a worker that is killed before a change leaves what another finishes",
  async (_, { prepare, texts }, first) => {
    // The next one starts while the storage of the last one is looked at.
    let next = start("jobs");
    for (let number = first; number < MOST_CHANGES; number += STRIDE) {
      const place = new LocalPlace(quickParent);
      try {
        await prepare(place);
        const driver = next;
        await driver.tell(order(place, "SIGKILL", number));
        const change = await driver.next();
        next = start("jobs");
        if (change === "completed") await driver.end();
        else await driver.exited;
        await takeOver(place);
        expect((await place.open().listArchives()).length).toBe(1);
        expect({ change, texts: await textsIn(place.open()) }).toEqual({ change, texts: [...texts] });
        expect({ change, left: await place.leftovers() }).toEqual({ change, left: [] });
        if (change === "completed") return await next.end();
      } finally {
        await place.remove();
      }
    }
    throw new Error(`a job makes more than ${MOST_CHANGES} changes`);
  },
);

test("a worker that slept through its grace period finds its lease lost in every call", async () => {
  const place = new LocalPlace(quickParent);
  try {
    await place.putText("book", "one two three.\n");
    const driver = start("hold", place.address);
    expect(await driver.next()).toBe("book");
    driver.kill("SIGSTOP");
    place.pass(GRACE_MS + 1_000);
    const storage = place.open();
    expect(await storage.reclaimStale()).toBe(1);
    const successor = await claim(storage);
    await storage.spillChunk(successor, "part-0", new Uint8Array([1]));
    driver.kill("SIGCONT");
    for (const call of Object.keys(callsOf(storage, successor))) {
      await driver.tell(call);
      expect({ call, code: await driver.next() }).toEqual({ call, code: "lease_lost" });
    }
    expect(await storage.listChunks(successor)).toEqual(["part-0"]);
    await finish(storage, successor);
    await driver.end();
    expect(await storage.claimNextJob(wanted())).toBeNull();
    expect(await textsIn(storage)).toEqual(["book"]);
    place.pass(GRACE_MS + 1_000);
    await storage.reclaimStale();
    expect(await place.leftovers()).toEqual([]);
  } finally {
    await place.remove();
  }
});
