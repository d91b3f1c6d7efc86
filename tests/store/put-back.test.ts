// What a collection gives back never takes the place of what somebody has written anew.
import { expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../../src/archive/manifest.ts";
import { Adding } from "../../src/store/adding.ts";
import { Collection } from "../../src/store/collect.ts";
import { breathe, Files } from "../../src/store/files.ts";
import { Store } from "../../src/store/store.ts";
import { age, leftovers } from "../support/stores.ts";
import { memoryFolder } from "../support/temporary.ts";

const folder = memoryFolder();
const source = join(folder, "whale");
const whale = new TextEncoder().encode("whale");
const object = sha256(whale);
writeFileSync(source, whale);

let states = 0;
/** A store with an old object that nobody needs and that is damaged. */
function withDamaged(): { store: Store; stateDir: string } {
  const stateDir = join(folder, `state-${states++}`);
  const store = new Store(stateDir);
  putWhale(store);
  damage(store.objects.path(object));
  age(store, 48);
  return { store, stateDir };
}

function putWhale(store: Store): void {
  const adding = new Adding(store.objects);
  adding.put(whale);
  adding.settleNow();
  adding.end();
}

function damage(path: string): void {
  chmodSync(path, 0o644);
  writeFileSync(path, "whelk");
}

test("a collection takes the damaged object while an add replaces it, before each step of the collection", async () => {
  let taken = 0;
  for (let before = 0, isOver = false; !isOver; before++) {
    const { store, stateDir } = withDamaged();
    const run = new Collection(store.objects, { places: store.places, grace_ms: 0, isDry: false }).steps();
    const step = () => {
      isOver = run.next().done === true;
    };
    for (let steps = 0; steps < before && !isOver; steps++) step();
    let isTaken = false;
    // The collection goes on until it has the object, when the add has seen that it is damaged.
    const takeIt = (operation: string, path: string) => {
      if (isTaken || operation !== "rename" || path !== store.objects.path(object)) return;
      isTaken = true;
      while (!isOver && !leftovers(store).some((left) => left.startsWith(".trash/"))) step();
      taken++;
    };
    const adding = new Store(stateDir, new Files(takeIt));
    await adding.add(source, "whale", breathe);
    while (!isOver) step();
    expect(Buffer.from(store.objects.get(object)).toString()).toBe("whale");
    expect(leftovers(store).filter((left) => !left.startsWith(".quarantine/"))).toEqual([]);
    isOver = before > 20;
  }
  expect(taken).toBeGreaterThan(0);
});

test("of a damaged object in its place and a sound one in the trash the sound one stays", () => {
  const { store } = withDamaged();
  const from = join(store.objects.folder, "sound");
  writeFileSync(from, whale);
  expect(store.objects.putBack(object, from)).toBe(true);
  expect(Buffer.from(store.objects.get(object)).toString()).toBe("whale");
  expect(store.objects.putBack(object, from)).toBe(false);
});
