// The check finds everything that is bad, goes on, mends what it can and says what it cannot.
import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { type CheckOptions, type CheckResult, checkStore } from "../../src/store/check.ts";
import { breathe, Files } from "../../src/store/files.ts";
import { objectsOf } from "../../src/store/reference.ts";
import { statsOf } from "../../src/store/stats.ts";
import { Store } from "../../src/store/store.ts";
import { foldErrorOf, foldText } from "../support/folds.ts";
import { longerSample } from "../support/sample.ts";
import { age, objectFiles, treeOf } from "../support/stores.ts";
import { archiveInOneFrame, entriesOf, tarOfArchive } from "../support/tars.ts";
import { memoryFolder } from "../support/temporary.ts";
import { asNobody } from "../support/users.ts";

const folder = memoryFolder();
const archive = join(folder, "log.tar.zst");
await foldText(longerSample, { archive });
const bytes = readFileSync(archive);
const backup = new Store(join(folder, "backup"));
await backup.add(archive, "log");

const unpacked = join(folder, "unpacked");
for (const entry of entriesOf(tarOfArchive(bytes))) {
  mkdirSync(join(unpacked, entry.path, ".."), { recursive: true });
  writeFileSync(join(unpacked, entry.path), entry.bytes);
}

let states = 0;
async function filled(): Promise<{ store: Store; needed: string[] }> {
  const store = new Store(join(folder, `state-${states++}`));
  const { reference } = await store.add(archive, "log");
  return { store, needed: [...objectsOf(reference).keys()] };
}

function check(store: Store, options: Partial<CheckOptions> = {}) {
  return checkStore(store, { sample: 1, repairFrom: [], rebuild: false, pause: breathe, ...options });
}

/** Change one byte, or cut the last. */
function damage(store: Store, object: string, how: "flip" | "cut" | "remove"): void {
  const path = store.objects.path(object);
  const content = readFileSync(path);
  if (how === "remove") {
    rmSync(path);
    return;
  }
  chmodSync(path, 0o644);
  content[content.length >> 1] ^= 1;
  writeFileSync(path, how === "cut" ? content.subarray(0, -1) : content);
}

async function expectWhole(store: Store, name = "log"): Promise<void> {
  const out = join(folder, `${states++}.out`);
  await store.find(name).restore(out, breathe);
  expect(readFileSync(out).equals(bytes)).toBe(true);
}

test("a sound store", async () => {
  const { store, needed } = await filled();
  const result = await check(store);
  expect(result).toMatchObject({ objects: needed.length + 1, checked: needed.length + 1, archives: 1 });
  expect(result).toMatchObject({ bad_objects: [], bad_references: [], forgotten: [], broken: [] });
  expect(result.checked_bytes).toBe(
    [...objectFiles(store).values()].reduce((sum, path) => sum + statSync(path).size, 0),
  );
});

test("it goes on after the first, and lists each with its archives", async () => {
  const { store, needed } = await filled();
  writeFileSync(join(folder, "alone"), "alone");
  await store.add(join(folder, "alone"), "alone");
  await store.add(archive, "twin");
  damage(store, needed[0], "flip");
  damage(store, needed[1], "cut");
  damage(store, needed[2], "remove");
  const { bad_objects, broken } = await check(store);
  const found = new Map(bad_objects.map((bad) => [bad.object, bad]));
  expect([...found.keys()].sort()).toEqual(needed.slice(0, 3).sort());
  for (const [number, problem] of ["damaged", "damaged", "missing"].entries()) {
    expect(found.get(needed[number])).toMatchObject({ problem, repaired: false, archives: ["log", "twin"] });
  }
  expect(broken).toEqual(["log", "twin"]);
  const kept = readdirSync(store.objects.quarantineFolder).map((name) => name.slice(0, 64));
  expect(kept.sort()).toEqual(needed.slice(0, 2).sort());
  const error = await foldErrorOf(() => store.find("log").restore(join(folder, "broken"), breathe));
  expect(error.code).toBe("not_found");
  expect(readdirSync(folder).filter((name) => name.startsWith("broken"))).toEqual([]);
});

test("a sample that leaves out an object that is cut off takes no reference to it for damaged", async () => {
  const { store, needed } = await filled();
  for (const object of needed) damage(store, object, "cut");
  for (const rebuild of [false, true]) {
    expect(await check(store, { sample: 1e-9, rebuild })).toMatchObject({ checked: 1, bad_references: [] });
  }
});

test("a damaged object that nobody needs breaks nothing", async () => {
  const { store } = await filled();
  writeFileSync(join(folder, "passing"), "passing");
  const { reference } = await store.add(join(folder, "passing"), "passing");
  store.remove("passing");
  const [object] = objectsOf(reference).keys();
  damage(store, object, "flip");
  expect(await check(store)).toMatchObject({ bad_objects: [{ object, archives: [] }], broken: [] });
});

describe("repair", () => {
  const sources: Record<string, string> = {
    "another state directory": join(folder, "backup"),
    "its objects": backup.objects.folder,
    "the archive as a file": archive,
    "a folder with the archive in it": folder,
  };
  test.each(Object.entries(sources))("from %s: all of it", async (_, path) => {
    const { store, needed } = await filled();
    for (const [number, object] of needed.entries())
      damage(store, object, (["flip", "cut", "remove"] as const)[number % 3]);
    const { bad_objects, broken } = await check(store, { repairFrom: [path] });
    expect(bad_objects.map(({ repaired }) => repaired)).toEqual(needed.map(() => true));
    expect(broken).toEqual([]);
    await expectWhole(store);
  });

  test("from an unpacked archive: the members, but not what stands between them", async () => {
    const { store, needed } = await filled();
    for (const object of needed) damage(store, object, "remove");
    const { bad_objects, broken } = await check(store, { repairFrom: [unpacked] });
    expect(bad_objects.filter(({ repaired }) => !repaired).length).toBe(1);
    expect(broken).toEqual(["log"]);
    expect(await check(store, { repairFrom: [archive] })).toMatchObject({ broken: [] });
    await expectWhole(store);
  });

  test("from what is damaged, too, only what is sound there", async () => {
    const { store, needed } = await filled();
    for (const object of needed) damage(store, object, "remove");
    const half = join(folder, `half-${states++}.tar.zst`);
    const changed = Buffer.from(bytes);
    changed[200] ^= 1;
    writeFileSync(half, changed);
    const { bad_objects } = await check(store, { repairFrom: [half] });
    const repaired = bad_objects.filter((bad) => bad.repaired).length;
    expect(repaired).toBe(needed.length - 1);
    for (const { object, repaired: isWhole } of bad_objects) expect(store.objects.has(object)).toBe(isWhole);
  });

  test("with pauses between the files of a source, whatever is in them", async () => {
    const { store, needed } = await filled();
    damage(store, needed[0], "remove");
    const source = join(folder, `source-${states++}`);
    mkdirSync(source);
    for (let i = 0; i < 50; i++) writeFileSync(join(source, `${i}`), `${i}`);
    const pausesOf = async (repairFrom: readonly string[]) => {
      let pauses = 0;
      const pause = () => Promise.resolve(void pauses++);
      await check(store, { repairFrom, pause });
      return pauses;
    };
    expect(await pausesOf([source])).toBeGreaterThanOrEqual((await pausesOf([])) + 50);
  });

  test("from where nothing is", async () => {
    const { store, needed } = await filled();
    damage(store, needed[0], "remove");
    damage(store, needed[1], "flip");
    const before = treeOf(store.objects.folder);
    const error = await foldErrorOf(() => check(store, { repairFrom: [archive, join(folder, "nowhere")] }));
    expect(error.code).toBe("not_found");
    // Told before anything is read.
    expect(treeOf(store.objects.folder)).toEqual(before);
  });
});

describe("references", () => {
  /** The file of the reference, writable. */
  function fileOf(store: Store): string {
    const file = store.fileOf("log");
    chmodSync(file, 0o644);
    return file;
  }

  const damages: Record<string, (file: string) => void> = {
    "one letter changed": (file) => writeFileSync(file, readFileSync(file, "utf8").replace('"0644"', '"0640"')),
    "cut off": (file) => writeFileSync(file, readFileSync(file).subarray(0, -10)),
    empty: (file) => writeFileSync(file, ""),
    "no JSON": (file) => writeFileSync(file, "\0\0\0\0"),
  };
  test.each(Object.entries(damages))("%s: refused, told, and made anew", async (_, spoil) => {
    const { store, needed } = await filled();
    spoil(fileOf(store));
    expect((await foldErrorOf(() => store.find("log"))).code).toBe("corrupt");
    expect(await check(store)).toMatchObject({ bad_references: [{ name: "log", state: "rebuildable" }] });
    // Nobody knows what it needs, so nothing is deleted.
    age(store, 48);
    expect((await foldErrorOf(() => store.collect({ grace_ms: 0, isDry: false }))).code).toBe("corrupt");
    expect(objectFiles(store).size).toBe(needed.length + 1);
    expect(await check(store, { rebuild: true })).toMatchObject({
      bad_references: [{ name: "log", state: "rebuilt" }],
    });
    expect(await check(store)).toMatchObject({ bad_references: [] });
    await expectWhole(store);
  });

  test("of a newer version: told, and not replaced by an older copy", async () => {
    const { store } = await filled();
    const newer = '{ "fold_archive": 2 }';
    writeFileSync(fileOf(store), newer);
    for (const rebuild of [false, true]) {
      expect(await check(store, { rebuild })).toMatchObject({ bad_references: [{ name: "log", state: "newer" }] });
      expect(readFileSync(store.fileOf("log"), "utf8")).toBe(newer);
    }
  });

  test("all of them lost: each is found again among the objects", async () => {
    const { store } = await filled();
    await store.add(archive, "sub/twin");
    await store.add(unpacked, "unpacked");
    const before = store.names();
    rmSync(store.archives, { recursive: true });
    expect(store.names()).toEqual([]);
    expect(await check(store)).toMatchObject({ archives: 0, forgotten: before });
    expect(store.names()).toEqual([]);
    await check(store, { rebuild: true });
    expect(store.names()).toEqual(before);
    await expectWhole(store);
    await expectWhole(store, "sub/twin");
  });

  test("what was removed is forgotten when its objects are collected", async () => {
    const { store } = await filled();
    store.remove("log");
    expect(await check(store)).toMatchObject({ forgotten: ["log"], broken: [] });
    age(store, 48);
    await store.collect({ grace_ms: 0, isDry: false });
    expect(await check(store)).toMatchObject({ forgotten: [], objects: 0 });
  });

  test("the copy is lost together with its file: told", async () => {
    const { store, needed } = await filled();
    for (const object of objectFiles(store).keys()) if (!needed.includes(object)) damage(store, object, "remove");
    writeFileSync(fileOf(store), "");
    expect(await check(store, { rebuild: true })).toMatchObject({ bad_references: [{ name: "log", state: "lost" }] });
  });
});

test("a sample reads a share, at least one object, and misses nothing that is not there", async () => {
  const { store, needed } = await filled();
  damage(store, needed[1], "remove");
  const { checked, bad_objects } = await check(store, { sample: 1e-9 });
  expect(checked).toBe(1);
  expect(bad_objects).toMatchObject([{ object: needed[1], problem: "missing" }]);
});

test("stats: what is shared, what is saved, what nobody needs", async () => {
  const { store, needed } = await filled();
  await store.add(archive, "twin");
  mkdirSync(store.archives, { recursive: true });
  const again = archiveInOneFrame(entriesOf(tarOfArchive(bytes)));
  writeFileSync(join(store.archives, "whole.tar.zst"), again);
  const stats = statsOf(store);
  expect(stats).toMatchObject({ archives: 2, whole: 1, whole_bytes: again.length, unneeded: 0, damaged_references: 0 });
  expect(stats).toMatchObject({ shared: needed.length, shared_bytes: bytes.length, archive_bytes: 2 * bytes.length });
  expect(stats.objects).toBe(needed.length + 2);
  const onDisk = [...objectFiles(store).values()].reduce((sum, path) => sum + statSync(path).size, 0);
  expect(stats.object_bytes).toBe(onDisk);
  expect(stats.saved).toBeCloseTo(1 - onDisk / (2 * bytes.length), 10);
  store.remove("log");
  store.remove("twin");
  expect(statsOf(store)).toMatchObject({ archives: 0, shared: 0, unneeded: needed.length + 2, saved: 0 });
});

test("a check without a repair changes nothing: a store that is read-only can be checked", async () => {
  const { store, needed } = await filled();
  damage(store, needed[0], "remove");
  const refusing = new Files((operation, path) => {
    throw new Error(`${operation} ${path}`);
  });
  const { broken } = await check(new Store(dirname(store.archives), refusing));
  expect(broken).toEqual(["log"]);
});

describe("a folder in the place of an object", () => {
  /** A store that has one, which is not empty. */
  async function blocked(): Promise<{ store: Store; object: string }> {
    const { store, needed } = await filled();
    damage(store, needed[0], "remove");
    mkdirSync(join(store.objects.path(needed[0]), "inside"), { recursive: true });
    return { store, object: needed[0] };
  }

  test("is no object", async () => {
    const { store, object } = await blocked();
    expect(store.objects.has(object)).toBe(false);
    const error = await foldErrorOf(() => store.find("log").restore(join(folder, "blocked"), breathe));
    expect(error.code).toBe("not_found");
  });

  test("is told and makes way for a repair, or an add", async () => {
    const first = await blocked();
    expect(await check(first.store, { repairFrom: [archive] })).toMatchObject({
      bad_objects: [{ object: first.object, problem: "damaged", repaired: true, archives: ["log"] }],
    });
    await expectWhole(first.store);
    const second = await blocked();
    await second.store.add(archive, "log");
    await expectWhole(second.store);
  });

  test("is told where nobody needs the object, too", async () => {
    const { store, object } = await blocked();
    store.remove("log");
    expect((await check(store)).bad_objects).toMatchObject([{ object, problem: "damaged", archives: [] }]);
    expect(existsSync(store.objects.path(object))).toBe(false);
  });
});

describe("what cannot be read is told, and the rest is checked", () => {
  /** Reading it fails as a bad sector does. */
  const UNREADABLE = "/proc/self/mem";

  test.skipIf(!existsSync(UNREADABLE))("an object (needs /proc)", async () => {
    const { store, needed } = await filled();
    damage(store, needed[0], "remove");
    symlinkSync(UNREADABLE, store.objects.path(needed[0]));
    damage(store, needed[1], "flip");
    const { bad_objects, checked } = await check(store, { repairFrom: [archive] });
    expect(checked).toBe(needed.length + 1);
    expect(new Map(bad_objects.map(({ object, problem }) => [object, problem]))).toEqual(
      new Map([
        [needed[0], "unreadable"],
        [needed[1], "damaged"],
      ]),
    );
    expect(bad_objects.map(({ repaired }) => repaired)).toEqual([true, true]);
    await expectWhole(store);
  });

  test("files and links in the folder that a repair takes from", async () => {
    const { store, needed } = await filled();
    damage(store, needed[0], "remove");
    const source = join(folder, `source-${states++}`);
    mkdirSync(source);
    symlinkSync("self", join(source, "self"));
    symlinkSync(".", join(source, "circle"));
    if (existsSync(UNREADABLE)) symlinkSync(UNREADABLE, join(source, "a"));
    writeFileSync(join(source, "z"), bytes);
    expect(await check(store, { repairFrom: [source] })).toMatchObject({ broken: [] });
    await expectWhole(store);
  });
});

test("an object that somebody else may read stays where it is, and its archives count as broken", async () => {
  const { store, needed } = await filled();
  chmodSync(store.objects.path(needed[0]), 0o000);
  const { bad_objects, broken } = await asNobody(folder, () => check(store));
  expect(bad_objects).toEqual([
    { object: needed[0], problem: "unreadable", repaired: false, archives: ["log"], copy_of: [] },
  ]);
  expect(broken).toEqual(["log"]);
  chmodSync(store.objects.path(needed[0]), 0o444);
  await expectWhole(store);
});

test("a sample does not say that a reference is lost whose copy it did not read, and makes it anew", async () => {
  const { store } = await filled();
  const names = Array.from({ length: 8 }, (_, i) => `log-${i}`);
  for (const name of names) await store.add(archive, name);
  for (const name of names.slice(1)) {
    chmodSync(store.fileOf(name), 0o644);
    writeFileSync(store.fileOf(name), "");
  }
  rmSync(store.fileOf("log-0"));
  const sample = 1e-9;
  const states = ({ bad_references }: CheckResult) => bad_references.map(({ state }) => state);
  expect(states(await check(store, { sample }))).toEqual(names.slice(1).map(() => "rebuildable"));
  const { checked, ...rebuilt } = await check(store, { sample, rebuild: true });
  expect(checked).toBe(1);
  expect(states({ checked, ...rebuilt })).toEqual(names.slice(1).map(() => "rebuilt"));
  for (const name of names) await expectWhole(store, name);
});
