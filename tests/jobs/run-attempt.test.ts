// Attempts at merges and at what is finished already, by workers on a state directory.
import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { readdirSync, readlinkSync } from "node:fs";
import { FoldError } from "../../src/errors.ts";
import { work } from "../../src/jobs/worker.ts";
import { LocalStorage } from "../../src/storage/local/local-storage.ts";
import { LocalPlace } from "../storage/local-place.ts";
import { kindsOf, workerOn } from "./workers.ts";

const places: LocalPlace[] = [];
const spies: { mockRestore(): void }[] = [];
let place: LocalPlace;
beforeEach(() => {
  place = newPlace();
});
afterEach(async () => {
  for (const spy of spies.splice(0)) spy.mockRestore();
  for (const one of places.splice(0)) await one.remove();
});

function newPlace(): LocalPlace {
  const made = new LocalPlace(undefined, Number.POSITIVE_INFINITY);
  places.push(made);
  return made;
}

/** Merge texts into one archive; its name and its lineage. */
async function merged(texts: Readonly<Record<string, string>>, at: LocalPlace): Promise<readonly [string, string]> {
  for (const [name, text] of Object.entries(texts)) await at.putText(name, text);
  await work(workerOn(at, { merges: true }).request);
  const [{ name, lineage }, ...others] = await at.open().listArchives();
  expect(others).toEqual([]);
  return [name, lineage];
}

/** Files below a folder that this process has open. */
function openBelow(folder: string): string[] {
  return readdirSync("/proc/self/fd")
    .map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return "";
      }
    })
    .filter((path) => path.startsWith(folder));
}

const tale = "the old man sat. the young man ran. old men sat. young men ran.";
const [one, two, three] = ["one two. two three.", "two three. three four.", "three four. four five."];

test("a merge has a name that only the same merge has: of the same sentences, from the same texts", async () => {
  const [name, lineage] = await merged({ a: one, b: two }, place);
  expect(name).toMatch(/^merged-[0-9a-f]{12}$/);
  expect(lineage).toContain('"a"');
  expect(await merged({ a: one, b: two }, newPlace())).toEqual([name, lineage]);
  const [other] = await merged({ a: one, c: two }, newPlace());
  const [further] = await merged({ a: one, b: three }, newPlace());
  expect(new Set([name, other, further]).size).toBe(3);
});

test("who is stopped merges no more, also where all chunks are there", async () => {
  await place.putText("a", tale);
  await place.putText("all", `${tale} ${two}`);
  const { readArchives } = LocalStorage.prototype;
  const worker = workerOn(place, { merges: true });
  const reads = spyOn(LocalStorage.prototype, "readArchives").mockImplementation(async function (
    this: LocalStorage,
    attempt,
  ) {
    const files = await readArchives.call(this, attempt);
    worker.stop();
    return files;
  });
  spies.push(reads);
  expect(await work(worker.request)).toMatchObject({ done: 2 });
  expect(kindsOf(worker.events).slice(-2)).toEqual(["claimed", "returned"]);
  // Nor is half an archive left.
  expect(place.filesIn("in_process").filter((path) => path.endsWith(".tmp"))).toEqual([]);
  expect(await place.open().listJobs()).toMatchObject([{ kind: "merge", state: "waiting", failures: 0 }]);
});

test("no file stays open: of what was merged, nor of what was found finished", async () => {
  const { writeArchive } = LocalStorage.prototype;
  let calls = 0;
  const writes = spyOn(LocalStorage.prototype, "writeArchive").mockImplementation(function (
    this: LocalStorage,
    ...args
  ) {
    if (++calls === 1) throw new FoldError("failed", "the first time", "try again");
    return writeArchive.apply(this, args);
  });
  spies.push(writes);
  const worker = workerOn(place);
  await place.putText("a", tale);
  await work(worker.request);
  expect(kindsOf(worker.events)).toEqual(["claimed", "failed", "claimed", "done"]);
  // The second attempt had nothing to walk.
  expect(worker.events.filter(({ kind }) => kind === "planned")).toHaveLength(1);
  await merged({ b: two, c: three }, place);
  expect(openBelow(place.folder)).toEqual([]);
});
