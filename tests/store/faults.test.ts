// Each operation on the disk fails once, or is where the process ends: nothing is lost, nothing is half there, and the
// next command goes on.
import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { checkStore } from "../../src/store/check.ts";
import { breathe } from "../../src/store/files.ts";
import { objectsOf } from "../../src/store/reference.ts";
import { Store } from "../../src/store/store.ts";
import { foldErrorOf, foldText } from "../support/folds.ts";
import { longerSample } from "../support/sample.ts";
import { mountSmallDisk, unmount } from "../support/small-disk.ts";
import { age, failingStore, leftovers, objectFiles, treeOf, writeLongArchive } from "../support/stores.ts";
import { entriesOf, tarOfArchive } from "../support/tars.ts";
import { memoryFolder } from "../support/temporary.ts";

const folder = memoryFolder();
const archive = join(folder, "log.tar.zst");
await foldText(longerSample, { archive });
const bytes = readFileSync(archive);
const wholeCheck = { sample: 1, repairFrom: [], rebuild: false, pause: breathe };

let states = 0;
const newState = () => join(folder, `state-${states++}`);
const endings = [
  ["fails", false],
  ["is where the process ends", true],
] as const;

/** The archive comes back byte for byte. */
async function expectWhole(store: Store, name: string): Promise<void> {
  const out = join(folder, `${states++}.out`);
  await store.find(name).restore(out, breathe);
  expect(readFileSync(out).equals(bytes)).toBe(true);
}

/** What is left of trouble goes with one collection, and no object is needless after it. */
async function expectTidy(store: Store, objects: number): Promise<void> {
  age(store, 48);
  await store.collect({ grace_ms: 0, isDry: false });
  expect(leftovers(store)).toEqual([]);
  expect(objectFiles(store).size).toBe(objects);
}

/** How many objects the archive has in a store of its own. */
const alone = new Store(newState());
await alone.add(archive, "log");
const OBJECTS = objectFiles(alone).size;

describe.each(endings)("operation N %s", (_, isEnd) => {
  test("of an add", async () => {
    for (let failing = 1; ; failing++) {
      const state = newState();
      const { store, calls } = failingStore(state, failing, isEnd);
      let code = "done";
      try {
        await store.add(archive, "log");
      } catch (error) {
        code = (error as { code: string }).code;
      }
      if (code === "done" && calls() < failing) break;
      const restarted = new Store(state);
      if (restarted.names().length > 0) await expectWhole(restarted, "log");
      else {
        expect(code).toBe("failed");
        // Whoever is still there tidies up behind himself.
        if (!isEnd) expect([...objectFiles(restarted).keys()]).toEqual([]);
      }
      await restarted.add(archive, "log");
      await expectWhole(restarted, "log");
      await expectTidy(restarted, OBJECTS);
    }
  });

  test("of a collection", async () => {
    for (let failing = 1; ; failing++) {
      const state = newState();
      const sound = new Store(state);
      await sound.add(archive, "log");
      writeFileSync(join(folder, "other"), `other ${failing}`);
      await sound.add(join(folder, "other"), "other");
      sound.remove("other");
      age(sound, 48);
      const { store, calls } = failingStore(state, failing, isEnd);
      try {
        await store.collect({ grace_ms: 0, isDry: false });
      } catch (error) {
        expect((error as { code: string }).code).toBe("failed");
      }
      await expectWhole(new Store(state), "log");
      await expectTidy(new Store(state), OBJECTS);
      if (calls() < failing) break;
    }
  });

  test("of a repair", async () => {
    for (let failing = 1; ; failing++) {
      const state = newState();
      const sound = new Store(state);
      await sound.add(archive, "log");
      const [, path] = [...objectFiles(sound)][failing % OBJECTS];
      chmodSync(path, 0o644);
      writeFileSync(path, "damaged");
      const { store, calls } = failingStore(state, failing, isEnd);
      const repair = { ...wholeCheck, repairFrom: [archive, alone.objects.folder] };
      await checkStore(store, repair).catch((error) => expect(error.code).toBe("failed"));
      await checkStore(new Store(state), repair);
      await expectWhole(new Store(state), "log");
      if (calls() < failing) break;
    }
  });
});

test("no space left: said, and all that was taken is free again", async () => {
  const disk = join(folder, "disk");
  if (!mountSmallDisk(disk, 160)) {
    console.warn("A small file system cannot be mounted here: no space left is not tested.");
    return;
  }
  try {
    const store = new Store(join(disk, "state"));
    writeFileSync(join(folder, "small"), "small");
    await store.add(join(folder, "small"), "small");
    const before = [...objectFiles(store).keys()];
    writeFileSync(join(folder, "large"), new Uint8Array(1 << 20));
    mkdirSync(join(folder, "tree"));
    for (let i = 0; i < 60; i++) writeFileSync(join(folder, "tree", `${i}`), `${i}`.repeat(3000));
    for (const path of ["large", "tree"]) {
      const error = await foldErrorOf(() => store.add(join(folder, path), path));
      expect([error.code, error.exitCode]).toEqual(["no_space", 1]);
      expect([...objectFiles(store).keys()]).toEqual(before);
      expect(leftovers(store)).toEqual([]);
    }
    expect(store.names()).toEqual(["small"]);
  } finally {
    unmount(disk);
  }
});

test("an add that sleeps until a collection takes it for dead cannot publish", async () => {
  const store = new Store(newState());
  let asleep = false;
  const sleep = async () => {
    if (asleep) return;
    asleep = true;
    age(store, 48);
    await store.collect({ grace_ms: 0, isDry: false });
  };
  const error = await foldErrorOf(() => store.add(archive, "log", sleep));
  expect([error.code, error.exitCode]).toEqual(["lease_lost", 6]);
  expect(store.names()).toEqual([]);
  await store.add(archive, "log");
  await expectWhole(store, "log");
});

/** An archive so long that its members are read on a thread, and seen to the disk a batch at a time. */
const long = join(folder, "long.tar.zst");
const longBytes = writeLongArchive(long, 150);

test.each([archive, long])("Ctrl-C between any two pieces of an add leaves nothing", async (path) => {
  for (let last = 1, isStopped = true; isStopped; last += path === long ? 17 : 1) {
    const store = new Store(newState());
    let pieces = 0;
    const stop = () => (++pieces === last ? Promise.reject(new Error("stopped")) : Promise.resolve());
    isStopped = await store.add(path, "log", stop).then(
      () => false,
      (error) => error.message === "stopped",
    );
    expect(isStopped).toBe(pieces >= last);
    if (!isStopped) break;
    expect(store.names()).toEqual([]);
    expect([...objectFiles(store).keys()]).toEqual([]);
    expect(readdirSync(store.objects.addingFolder)).toEqual([]);
  }
});

test.each(endings)("of the add of a long archive, every so manyth operation %s", async (_, isEnd) => {
  // No divisor of how many operations there are for a member, so that each kind is hit.
  for (let failing = 1; ; failing += 61) {
    const state = newState();
    const { store, calls } = failingStore(state, failing, isEnd);
    const code = await store.add(long, "long").then(
      () => "done",
      (error) => error.code,
    );
    if (calls() < failing) {
      expect(code).toBe("done");
      break;
    }
    expect(["done", "failed"]).toContain(code);
    const restarted = new Store(state);
    if (!isEnd && restarted.names().length === 0) expect([...objectFiles(restarted).keys()]).toEqual([]);
    await restarted.add(long, "long");
    const out = join(folder, `${states++}.out`);
    await restarted.find("long").restore(out, breathe);
    expect(readFileSync(out).equals(longBytes)).toBe(true);
  }
});

test("an object that is damaged does not spread: the next add of the same writes it anew", async () => {
  const store = new Store(newState());
  const { reference } = await store.add(archive, "log");
  const [object] = [...objectsOf(reference).keys()];
  const path = store.objects.path(object);
  chmodSync(path, 0o644);
  writeFileSync(path, new Uint8Array(statSync(path).size));
  await store.add(archive, "again");
  store.objects.get(object);
  expect(readdirSync(store.objects.quarantineFolder).length).toBe(1);
  expect(existsSync(path)).toBe(true);
});

test("no space left where an unpacked archive is made a file again: said, and no half of it stays", async () => {
  const state = newState();
  const sound = new Store(state);
  for (const entry of entriesOf(tarOfArchive(bytes))) {
    mkdirSync(dirname(join(sound.archives, "plain", entry.path)), { recursive: true });
    writeFileSync(join(sound.archives, "plain", entry.path), entry.bytes);
  }
  const out = join(folder, "packed");
  for (let failing = 1; ; failing++) {
    const { store, calls } = failingStore(state, failing, false, "ENOSPC");
    const pack = () => store.find("plain").writeWhole(join(out, "plain.tar.zst"), breathe);
    mkdirSync(out);
    const code = await pack().then(
      () => "done",
      (error) => error.code,
    );
    if (calls() < failing) break;
    expect([code, readdirSync(out)]).toEqual(["no_space", []]);
    rmSync(out, { recursive: true });
  }
  expect(readdirSync(out)).toEqual(["plain.tar.zst"]);
});

test("an unpacked archive that cannot be copied in full leaves no half of it, and is copied by the next get", async () => {
  const state = newState();
  const plain = join(new Store(state).archives, "plain");
  for (const entry of entriesOf(tarOfArchive(bytes))) {
    mkdirSync(dirname(join(plain, entry.path)), { recursive: true });
    writeFileSync(join(plain, entry.path), entry.bytes);
  }
  const out = join(folder, "copied");
  mkdirSync(out);
  for (let failing = 1; ; failing++) {
    const { store, calls } = failingStore(state, failing, false, "ENOSPC");
    const code = await store
      .find("plain")
      .restore(join(out, "plain"), breathe)
      .then(
        () => "done",
        (error) => error.code,
      );
    if (calls() < failing) break;
    expect([code, readdirSync(out)]).toEqual(["no_space", []]);
  }
  expect(readdirSync(out)).toEqual(["plain"]);
  expect(treeOf(join(out, "plain"))).toEqual(treeOf(plain));
});
