// Others change the store while it is checked.
import { describe, expect, test } from "bun:test";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Adding } from "../../src/store/adding.ts";
import { checkStore } from "../../src/store/check.ts";
import { Collection } from "../../src/store/collect.ts";
import { breathe, Files } from "../../src/store/files.ts";
import { objectsOf } from "../../src/store/reference.ts";
import { Store } from "../../src/store/store.ts";
import { age, writeLongArchive } from "../support/stores.ts";
import { memoryFolder } from "../support/temporary.ts";

const folder = memoryFolder();
const archive = join(folder, "long.tar.zst");
const bytes = writeLongArchive(archive, 9);

let states = 0;
const newState = () => join(folder, `state-${states++}`);

/** A check of the same folder, with something that is done before its operation number `at`, counted from 1. */
function checkWith(stateDir: string, rebuild: boolean, at: number, act: () => void) {
  let operations = 0;
  const before = () => {
    if (++operations === at) act();
  };
  const result = checkStore(new Store(stateDir, new Files(before)), {
    sample: 1,
    repairFrom: [],
    rebuild,
    pause: breathe,
  });
  return result.then((checked) => ({ ...checked, operations }));
}

describe("a collection, before each operation of a check that makes a forgotten archive anew", () => {
  test("the archive is whole, or there is none", async () => {
    for (let at = 1; ; at++) {
      const stateDir = newState();
      const store = new Store(stateDir);
      await store.add(archive, "long");
      store.remove("long");
      age(store, 48);
      const { forgotten, operations } = await checkWith(stateDir, true, at, () => {
        const collection = new Collection(store.objects, { places: store.places, grace_ms: 0, isDry: false });
        for (const _ of collection.steps());
      });
      expect(store.names()).toEqual([...forgotten]);
      if (forgotten.length > 0) {
        const out = join(folder, `out-${at}`);
        await store.find("long").restore(out, breathe);
        expect(readFileSync(out).equals(bytes)).toBe(true);
      }
      if (operations < at) break;
    }
  });
});

test("an object that is written anew while it is found damaged stays", async () => {
  const stateDir = newState();
  const store = new Store(stateDir);
  const { reference } = await store.add(archive, "long");
  const [object] = objectsOf(reference).keys();
  const path = store.objects.path(object);
  const content = readFileSync(path);
  chmodSync(path, 0o644);
  writeFileSync(path, "damaged");
  let isFound = false;
  const addAnew = (operation: string, place: string) => {
    if (isFound || operation !== "rename" || place !== path) return;
    isFound = true;
    const adding = new Adding(store.objects);
    adding.put(content);
    adding.settleNow();
    adding.end();
  };
  await checkStore(new Store(stateDir, new Files(addAnew)), {
    sample: 1,
    repairFrom: [],
    rebuild: false,
    pause: breathe,
  });
  expect(isFound).toBe(true);
  expect(store.objects.get(object).length).toBe(content.length);
});
