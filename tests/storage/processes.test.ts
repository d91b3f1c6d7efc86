// Real processes on one state directory that stop themselves, or are killed, before each of their changes; meanwhile
// another one takes their jobs and finishes them.
import { afterAll, expect, test } from "bun:test";
import { quickParent } from "../support/temporary.ts";
import { callsOf } from "./calls.ts";
import { textOfSize } from "./cases/merges.ts";
import { LocalPlace } from "./local-place.ts";
import { claim, finish, finishAll, GRACE_MS, publish, textsIn, wanted } from "./place.ts";
import { Lines, startDriver } from "./processes.ts";

/** More changes than a job makes. */
const MOST_CHANGES = 200;
/** Where tests of one process show the same before every change (faults.test.ts), every second is enough. */
const STRIDE = 2;

const running = new Set<Bun.Subprocess>();
afterAll(() => {
  // A process that is stopped outlives the test that failed.
  for (const child of running) child.kill("SIGKILL");
});

function drive(place: LocalPlace, ...command: readonly string[]) {
  const child = startDriver(place.address, ...command);
  running.add(child);
  void child.exited.then(() => running.delete(child));
  return { child, lines: new Lines(child.stdout) };
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
 * Stop a process before its Nth change.
 *
 * @param meanwhile what another does while it is stopped; what that returns is done when the process has ended
 * @returns what it says in the end, and the change, null when it makes fewer
 */
async function stopAndWake(
  place: LocalPlace,
  number: number,
  meanwhile: (place: LocalPlace) => Promise<unknown>,
): Promise<{ change: string | null; end: string }> {
  const { child, lines } = drive(place, "job", "SIGSTOP", String(number), "merges");
  const line = await lines.next();
  if (!line.startsWith("before ")) return { change: null, end: line };
  const later = await meanwhile(place);
  // More than once: on a busy machine it may not have stopped yet when it is woken.
  const waking = setInterval(() => child.kill("SIGCONT"), 20);
  try {
    return { change: line, end: await lines.next() };
  } finally {
    clearInterval(waking);
    await child.exited;
    if (typeof later === "function") await later();
  }
}

test.each([
  ["a text, which another finishes meanwhile", text, takeOver],
  ["a text, which another has begun meanwhile", text, beginToTakeOver],
  ["a merge, which another finishes meanwhile", merge, takeOver],
  ["a merge, which another has begun meanwhile", merge, beginToTakeOver],
] as const)("a worker at %s: stopped before a change and woken it harms nothing", async (_, job, meanwhile) => {
  const { prepare, texts } = job;
  for (let number = 1; number < MOST_CHANGES; number++) {
    const place = new LocalPlace(quickParent);
    try {
      await prepare(place);
      const { change, end } = await stopAndWake(place, number, meanwhile);
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
      if (change === null) return;
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
    for (let number = first; number < MOST_CHANGES; number += STRIDE) {
      const place = new LocalPlace(quickParent);
      try {
        await prepare(place);
        const { child, lines } = drive(place, "job", "SIGKILL", String(number), "merges");
        const change = await lines.next();
        await child.exited;
        await takeOver(place);
        expect((await place.open().listArchives()).length).toBe(1);
        expect({ change, texts: await textsIn(place.open()) }).toEqual({ change, texts: [...texts] });
        expect({ change, left: await place.leftovers() }).toEqual({ change, left: [] });
        if (change === "completed") return;
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
    const { child, lines } = drive(place, "hold");
    expect(await lines.next()).toBe("book");
    child.kill("SIGSTOP");
    place.pass(GRACE_MS + 1_000);
    const storage = place.open();
    expect(await storage.reclaimStale()).toBe(1);
    const successor = await claim(storage);
    await storage.spillChunk(successor, "part-0", new Uint8Array([1]));
    child.kill("SIGCONT");
    for (const call of Object.keys(callsOf(storage, successor))) {
      child.stdin.write(`${call}\n`);
      await child.stdin.flush();
      expect({ call, code: await lines.next() }).toEqual({ call, code: "lease_lost" });
    }
    expect(await storage.listChunks(successor)).toEqual(["part-0"]);
    await finish(storage, successor);
    await child.stdin.end();
    await child.exited;
    expect(await storage.claimNextJob(wanted())).toBeNull();
    expect(await textsIn(storage)).toEqual(["book"]);
    place.pass(GRACE_MS + 1_000);
    await storage.reclaimStale();
    expect(await place.leftovers()).toEqual([]);
  } finally {
    await place.remove();
  }
});
