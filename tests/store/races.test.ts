// A garbage collection and somebody else at the same moment, in every order that two can be cut into: the collection does
// some steps, the other does some, the collection does more, the other ends, the collection ends.
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { Adding } from "../../src/store/adding.ts";
import { Collection } from "../../src/store/collect.ts";
import { objectsOf, readReference, sealReference } from "../../src/store/reference.ts";
import { Store } from "../../src/store/store.ts";
import { age, leftovers, objectFiles } from "../support/stores.ts";
import { memoryFolder } from "../support/temporary.ts";
import { act, type Task } from "./races/acts.ts";
import { allow, type Steps } from "./races/stepper.ts";

const folder = memoryFolder();
const worker = new Worker(new URL("./races/actor.ts", import.meta.url).href);
afterAll(() => worker.terminate());
await nextMessage();

function nextMessage(): Promise<string | null> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
  });
}

let states = 0;
interface Scene {
  readonly store: Store;
  readonly task: Task;
}

const REUSED = "an old object that nobody needs, until the add comes";
const GARBAGE = "an old object that nobody needs";

/** Old objects that nobody needs, and one old reference to three more: among the archives, or taken by a job. */
function scene(act: Task["act"]): Scene {
  const stateDir = join(folder, `state-${states++}`);
  const store = new Store(stateDir);
  const archive = join(stateDir, "archives/added.json");
  const taken = join(stateDir, "in_process/job.token.work/input-0.ref.json");
  mkdirSync(dirname(taken), { recursive: true });
  mkdirSync(store.archives);
  const adding = new Adding(store.objects);
  for (const content of [REUSED, GARBAGE]) adding.put(new TextEncoder().encode(content));
  if (act !== "add") {
    const { object, size } = adding.put(new TextEncoder().encode("whale"));
    const file = { type: "file", path: "x", mode: "0644", size, sha256: object, object, stored: size } as const;
    const reference = { fold_archive: 1, name: "added", kind: "folder", members: [file], frame: null } as const;
    adding.publish(archive, sealReference(reference));
    if (act.startsWith("give back")) renameSync(archive, taken);
  }
  adding.settleNow();
  adding.end();
  age(store, 48);
  const steps: Steps = new Int32Array(new SharedArrayBuffer(12));
  return { store, task: { steps, stateDir, act, contents: [REUSED, "new", "new, too"], archive, taken } };
}

/** All is well: the reference is in one place with all its objects, and nothing else is left after one collection more. */
async function expectWhole({ store, task }: Scene, failure: string | null): Promise<void> {
  expect(failure).toBeNull();
  const places = [task.archive, task.taken].filter((path) => existsSync(path));
  expect(places).toEqual([task.act.endsWith("take") ? task.taken : task.archive]);
  const needed = [...objectsOf(readReference(places[0])).keys()];
  for (const object of needed) store.objects.get(object);
  age(store, 48);
  await store.collect({ grace_ms: 0, isDry: false });
  // And the reference itself, which is an object, too.
  expect(objectFiles(store).size).toBe(needed.length + 1);
  for (const object of needed) store.objects.get(object);
  expect(leftovers(store)).toEqual([]);
  rmSync(task.stateDir, { recursive: true });
}

/** @returns how many steps the collection took in all, and whether the other was still at work after its own */
async function race(act: Task["act"], first: number, others: number, second: number) {
  const stage = scene(act);
  const { store, task } = stage;
  const collection = new Collection(store.objects, { places: store.places, grace_ms: 0, isDry: false });
  const run = collection.steps();
  let taken = 0;
  const go = (limit: number) => {
    while (taken < limit && run.next().done !== true) taken++;
    return taken;
  };
  go(first);
  const ended = nextMessage();
  worker.postMessage(task);
  const isGoing = allow(task.steps, others);
  go(second);
  allow(task.steps, 1 << 20);
  const failure = await ended;
  const all = go(Infinity);
  await expectWhole(stage, failure);
  return { all, isGoing };
}

/** One order in so many is tried, always others; FOLD_ALL_RACES=1 in the environment tries them all. */
const ONE_IN = process.env.FOLD_ALL_RACES === "1" ? 1 : 40;

async function raceInAllOrders(act: Task["act"]): Promise<number> {
  let orders = 0;
  for (let others = 0; ; others++) {
    let isGoing = false;
    // The collection's steps are at most those that it takes alone, and what the other adds.
    for (let first = 0, all = Infinity; first <= all; first++) {
      for (let second = first; second <= all; second++) {
        if (all < Infinity && Math.random() * ONE_IN >= 1) continue;
        try {
          ({ all, isGoing } = await race(act, first, others, second));
        } catch (cause) {
          throw new Error(`${act}: steps ${first}, ${others}, ${second}`, { cause });
        }
        orders++;
      }
    }
    if (!isGoing) return orders;
  }
}

test.each(["add", "give back", "take", "give back and take"] as const)("a collection and: %s", async (act) => {
  expect(await raceInAllOrders(act)).toBeGreaterThan(act === "take" ? 1 : 10);
});

/** Acts that are done whole, one after the other, each before a step of the collection: in all orders. */
test("a reference is published by a job, given back and taken again while a collection looks for it", async () => {
  for (let all = 30, first = 0; first <= all; first++) {
    for (let second = first; second <= all; second++) {
      for (let third = second; third <= Math.min(all, second + 4); third++) {
        const stage = scene("add");
        const { store, task } = stage;
        const collection = new Collection(store.objects, { places: store.places, grace_ms: 0, isDry: false });
        const acts = [
          { at: first, act: () => act(store, { ...task, act: "add", archive: task.taken }) },
          { at: second, act: () => act(store, { ...task, act: "give back" }) },
          { at: third, act: () => act(store, { ...task, act: "take" }) },
        ];
        const run = collection.steps();
        for (all = 0; ; all++) {
          while (acts[0]?.at === all) acts.shift()?.act();
          if (run.next().done === true) break;
        }
        for (const { act } of acts) act();
        await expectWhole({ store, task: { ...task, act: "take" } }, null);
      }
    }
  }
});
