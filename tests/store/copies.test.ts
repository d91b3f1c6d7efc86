// Each reference is an object, too: what the archive is found again by when the file of the reference is lost.
import { describe, expect, test } from "bun:test";
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { sha256 } from "../../src/archive/manifest.ts";
import { type CheckOptions, checkStore } from "../../src/store/check.ts";
import { breathe, Files } from "../../src/store/files.ts";
import { Store } from "../../src/store/store.ts";
import { memoryFolder } from "../support/temporary.ts";

const folder = memoryFolder();
const source = join(folder, "one");
writeFileSync(source, "call me ishmael");

let states = 0;
/** A store with an archive `one`, and the object that is its reference. */
async function filled(): Promise<{ store: Store; copy: string }> {
  const store = new Store(join(folder, `state-${states++}`));
  await store.add(source, "one");
  return { store, copy: sha256(readFileSync(store.fileOf("one"))) };
}

function check(store: Store, options: Partial<CheckOptions> = {}) {
  return checkStore(store, { sample: 1, repairFrom: [], rebuild: false, pause: breathe, ...options });
}

function damage(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1] ^= 1;
  chmodSync(path, 0o644);
  writeFileSync(path, bytes);
}

const damages: Record<string, (path: string) => void> = { damaged: damage, missing: rmSync };

describe.each(Object.entries(damages))("the copy of a sound reference is %s", (problem, spoil) => {
  test("a check tells whose it is and stores it again, so that the reference can be lost", async () => {
    const { store, copy } = await filled();
    spoil(store.objects.path(copy));
    const { bad_objects, broken } = await check(store);
    expect(bad_objects).toMatchObject([{ object: copy, problem, repaired: true, archives: [], copy_of: ["one"] }]);
    expect(broken).toEqual([]);
    rmSync(store.fileOf("one"));
    expect(await check(store, { rebuild: true })).toMatchObject({ bad_objects: [], forgotten: ["one"] });
    expect(store.names()).toEqual(["one"]);
  });

  test("an add of the same stores it again", async () => {
    const { store, copy } = await filled();
    spoil(store.objects.path(copy));
    expect((await store.add(source, "one")).isNew).toBe(false);
    expect(sha256(readFileSync(store.objects.path(copy)))).toBe(copy);
    expect(readdirSync(store.objects.addingFolder)).toEqual([]);
  });
});

test("where nothing can be written it is told, and the rest is checked", async () => {
  const { store, copy } = await filled();
  rmSync(store.objects.path(copy));
  const refusing = new Files((operation, path) => {
    throw Object.assign(new Error(`${operation} ${path}`), { code: "EROFS", syscall: operation });
  });
  const { bad_objects, archives } = await check(new Store(dirname(store.archives), refusing));
  expect(bad_objects).toMatchObject([{ object: copy, problem: "missing", repaired: false, copy_of: ["one"] }]);
  expect(archives).toBe(1);
});
