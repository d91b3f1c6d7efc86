// A collection that overlooks a reference deletes what it needs. So wherever `find` finds one, a collection sees it.
import { expect, test } from "bun:test";
import { renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { breathe } from "../../src/store/files.ts";
import { Store } from "../../src/store/store.ts";
import { foldErrorOf } from "../support/folds.ts";
import { age } from "../support/stores.ts";
import { memoryFolder } from "../support/temporary.ts";

const folder = memoryFolder();
const text = join(folder, "text");
writeFileSync(text, "whale");

/** The shelf: its folder, and the names of what is added; what `put` does to it happens after the adds. */
const shelves: Record<string, { names: readonly string[]; put: (archives: string) => void }> = {
  "an archive unpacked right among them": {
    names: ["log", "sub/log"],
    put: (archives) => {
      writeFileSync(join(archives, "interner.bin"), "");
      writeFileSync(join(archives, "manifest.json"), '{"format":1}');
    },
  },
  "one in a folder that is an unpacked archive": {
    names: ["book/log"],
    put: (archives) => {
      writeFileSync(join(archives, "book/interner.bin"), "");
      writeFileSync(join(archives, "book/manifest.json"), '{"format":1}');
    },
  },
  "a folder called like a member": { names: ["interner.bin/log", "log"], put: () => {} },
  "a folder that is a symbolic link": {
    names: ["sub/log"],
    put: (archives) => elsewhere(join(archives, "sub")),
  },
  "a reference that is a symbolic link": {
    names: ["log"],
    put: (archives) => elsewhere(join(archives, "log.json")),
  },
  "links in a circle": {
    names: ["log", "sub/log"],
    put: (archives) => {
      symlinkSync("..", join(archives, "sub/up"));
      symlinkSync("self", join(archives, "self"));
      symlinkSync("nowhere.json", join(archives, "dangling.json"));
    },
  },
};

let moved = 0;
/** Move something to another disk, as it were, and leave a link. */
function elsewhere(path: string): void {
  const target = join(folder, `elsewhere-${moved++}`);
  renameSync(path, target);
  symlinkSync(target, path);
}

test.each(Object.entries(shelves))("%s", async (title, { names, put }) => {
  const store = new Store(join(folder, title));
  for (const name of names) await store.add(text, name);
  put(store.archives);
  age(store, 48);
  expect(await store.collect({ grace_ms: 0, isDry: false })).toMatchObject({ deleted: 0 });
  for (const [number, name] of names.entries()) {
    await store.find(name).restore(join(folder, `${title} ${number}`), breathe);
  }
  expect(store.names()).toEqual(expect.arrayContaining([...names]));
});

test("a name below a folder that is nobody's archives is refused", async () => {
  const store = new Store(join(folder, "refused"));
  const error = await foldErrorOf(() => store.add(text, "book.tar.zst.work/log"));
  expect(error.code).toBe("usage");
  await store.add(text, "book.tar.zst.work");
  age(store, 48);
  expect(await store.collect({ grace_ms: 0, isDry: false })).toMatchObject({ deleted: 0 });
});
