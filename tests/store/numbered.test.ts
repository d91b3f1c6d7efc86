// Archives of jobs get a number where another has their name; what their references say they are called stays.
import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkStore } from "../../src/store/check.ts";
import { breathe } from "../../src/store/files.ts";
import { Store } from "../../src/store/store.ts";
import { age } from "../support/stores.ts";
import { memoryFolder } from "../support/temporary.ts";

const folder = memoryFolder();
const contents = { book: "call me ishmael", "book.2": "some years ago" };
for (const [name, content] of Object.entries(contents)) writeFileSync(join(folder, name), content);

let states = 0;
/** A store with two archives that were added as `book`, one of which stands as `book.2`. */
async function filled(): Promise<Store> {
  const store = new Store(join(folder, `state-${states++}`));
  await store.add(join(folder, "book"), "book");
  renameSync(store.fileOf("book"), store.fileOf("aside"));
  await store.add(join(folder, "book.2"), "book");
  renameSync(store.fileOf("book"), store.fileOf("book.2"));
  renameSync(store.fileOf("aside"), store.fileOf("book"));
  return store;
}

function check(store: Store, rebuild: boolean) {
  return checkStore(store, { sample: 1, repairFrom: [], rebuild, pause: breathe });
}

function cut(file: string): void {
  chmodSync(file, 0o644);
  truncateSync(file, 50);
}

async function contentOf(store: Store, name: string): Promise<string> {
  const out = join(folder, `${states++}.out`);
  await store.find(name).restore(out, breathe);
  return readFileSync(out, "utf8");
}

/** Both are there after a collection, and nothing is wrong any more. */
async function expectBoth(store: Store): Promise<void> {
  age(store, 48);
  await store.collect({ grace_ms: 0, isDry: false });
  expect(await check(store, false)).toMatchObject({ bad_references: [], bad_objects: [], forgotten: [], broken: [] });
  expect(store.names()).toEqual(["book", "book.2"]);
}

describe.each(["book", "book.2"] as const)("the reference of %s", (name) => {
  test("is damaged: it is made anew, and the other stays what it is", async () => {
    const store = await filled();
    cut(store.fileOf(name));
    expect((await check(store, false)).bad_references).toMatchObject([{ name, state: "rebuildable" }]);
    expect((await check(store, true)).bad_references).toMatchObject([{ name, state: "rebuilt" }]);
    await expectBoth(store);
    for (const [each, content] of Object.entries(contents)) expect(await contentOf(store, each)).toBe(content);
  });

  test("is gone: it is told and made anew", async () => {
    const store = await filled();
    rmSync(store.fileOf(name));
    expect((await check(store, false)).forgotten).toEqual([name]);
    expect((await check(store, true)).forgotten).toEqual([name]);
    await expectBoth(store);
    for (const [each, content] of Object.entries(contents)) expect(await contentOf(store, each)).toBe(content);
  });
});

test("the references of both are damaged, or gone: both archives come back", async () => {
  for (const spoil of [cut, rmSync]) {
    const store = await filled();
    for (const name of store.names()) spoil(store.fileOf(name));
    await check(store, true);
    await expectBoth(store);
    const found = await Promise.all(store.names().map((name) => contentOf(store, name)));
    expect(found.sort()).toEqual(Object.values(contents).sort());
  }
});

test("an archive whose name a whole file has meanwhile gets a number, too", async () => {
  const store = new Store(join(folder, `state-${states++}`));
  await store.add(join(folder, "book"), "book");
  rmSync(store.archives, { recursive: true });
  mkdirSync(store.archives);
  writeFileSync(join(store.archives, "book.tar.zst"), "whole");
  expect((await check(store, true)).forgotten).toEqual(["book.2"]);
  expect(await contentOf(store, "book.2")).toBe(contents.book);
  expect(store.find("book").form).toBe("whole");
});
