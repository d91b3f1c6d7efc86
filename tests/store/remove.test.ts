// To remove an archive removes nothing else, whatever the names of the others are.
import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Files } from "../../src/store/files.ts";
import { Store } from "../../src/store/store.ts";
import { foldErrorOf } from "../support/folds.ts";
import { leftovers, treeOf } from "../support/stores.ts";
import { memoryFolder } from "../support/temporary.ts";

const folder = memoryFolder();
const source = join(folder, "one");
writeFileSync(source, "call me ishmael");

let states = 0;
const newStore = () => new Store(join(folder, `state-${states++}`));

/** A store with an archive that somebody has unpacked: what it is known by. */
function withPlain(): Store {
  const store = newStore();
  mkdirSync(join(store.archives, "plain/results"), { recursive: true });
  for (const name of ["interner.bin", "manifest.json"]) writeFileSync(join(store.archives, "plain", name), "{}");
  return store;
}

test("a folder that is called as a reference would be is none", async () => {
  const store = newStore();
  for (const name of ["b", "c"]) await store.add(source, name);
  // As names of texts may have it: no add of the store's own takes such a name.
  mkdirSync(join(store.archives, "a.json"));
  for (const name of ["b", "c"]) renameSync(store.fileOf(name), store.fileOf(`a.json/${name}`));
  for (const act of [() => store.find("a"), () => store.remove("a")]) {
    expect((await foldErrorOf(act)).code).toBe("not_found");
  }
  expect(store.names()).toEqual(["a.json/b", "a.json/c"]);
  store.remove("a.json/b");
  expect(store.names()).toEqual(["a.json/c"]);
});

test("no folder of a name may end as references do", async () => {
  const store = newStore();
  for (const name of ["a.json/b", "x/a.json/b"]) {
    expect((await foldErrorOf(() => store.add(source, name))).code).toBe("usage");
  }
  await store.add(source, "a.json");
  expect(store.names()).toEqual(["a.json"]);
});

describe("an archive that somebody has unpacked", () => {
  test("is removed with its folder", () => {
    const store = withPlain();
    store.remove("plain");
    expect(treeOf(store.archives)).toEqual({});
  });

  const others: Record<string, (store: Store) => Promise<unknown>> = {
    "a reference": (store) => store.add(source, "plain/one"),
    "a reference further down": (store) => store.add(source, "plain/results/one"),
    "a whole file": async (store) => await Bun.write(join(store.archives, "plain/one.tar.zst"), "x"),
    "another one": async (store) => {
      for (const name of ["interner.bin", "manifest.json"])
        await Bun.write(join(store.archives, "plain/x", name), "{}");
    },
  };
  test.each(Object.entries(others))("is not removed together with %s", async (_, put) => {
    const store = withPlain();
    await put(store);
    const before = treeOf(store.archives);
    const { code, message } = await foldErrorOf(() => store.remove("plain"));
    expect(code).toBe("usage");
    expect(message).toContain("plain/");
    expect(treeOf(store.archives)).toEqual(before);
  });

  test("keeps its manifest, which is no reference", async () => {
    const store = withPlain();
    const before = treeOf(dirname(store.archives));
    expect((await foldErrorOf(() => store.add(source, "plain/manifest"))).code).toBe("usage");
    expect((await foldErrorOf(() => store.remove("plain/manifest"))).code).toBe("not_found");
    expect(treeOf(dirname(store.archives))).toEqual(before);
    expect(store.names()).toEqual(["plain"]);
  });
});

test.each(["gone", "x.json"])(
  "a link to %s in the place of a reference is told by an add, and can be removed",
  async (target) => {
    const store = newStore();
    mkdirSync(store.archives, { recursive: true });
    symlinkSync(target, store.fileOf("x"));
    const { code, hint } = await foldErrorOf(() => store.add(source, "x"));
    expect([code, hint]).toEqual(["usage", "`fold store rm x` removes it"]);
    expect(leftovers(store)).toEqual([]);
    store.remove("x");
    expect(readdirSync(store.archives)).toEqual([]);
    expect((await store.add(source, "x")).isNew).toBe(true);
  },
);

test("a folder in the place of a reference is told by an add", async () => {
  const store = newStore();
  mkdirSync(store.fileOf("x"), { recursive: true });
  expect((await foldErrorOf(() => store.add(source, "x"))).code).toBe("usage");
});

test("an add gives up where something comes and goes under its name", async () => {
  const store = newStore();
  mkdirSync(store.archives, { recursive: true });
  const place = store.fileOf("x");
  let isThere = false;
  const files = new Files((operation, path) => {
    if (operation === "rename" && path.endsWith("reference.tmp")) writeFileSync(place, "");
    else if (isThere) unlinkSync(place);
    isThere = operation === "rename" && path.endsWith("reference.tmp");
  });
  expect((await foldErrorOf(() => new Store(dirname(store.archives), files).add(source, "x"))).code).toBe("failed");
});
