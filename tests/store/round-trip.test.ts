// What comes out of the store is what went in, byte for byte, whatever it was.
import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { sha256 } from "../../src/archive/manifest.ts";
import { breathe } from "../../src/store/files.ts";
import { encodeReference, sealReference } from "../../src/store/reference.ts";
import { Store } from "../../src/store/store.ts";
import { foldErrorOf, foldText, memberNames } from "../support/folds.ts";
import { longerSample } from "../support/sample.ts";
import { leftovers, objectFiles, treeOf } from "../support/stores.ts";
import { archiveInOneFrame, entriesOf, tarOfArchive } from "../support/tars.ts";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder();
const archive = join(folder, "log.tar.zst");
await foldText(longerSample, { archive });
const bytes = new Uint8Array(readFileSync(archive));
const tar = tarOfArchive(bytes);
const entries = entriesOf(tar);

let stores = 0;
function newStore(): Store {
  return new Store(join(folder, `state-${stores++}`));
}

/** A folder with everything that a folder may hold. */
function makeTree(place: string): void {
  mkdirSync(join(place, "empty"), { recursive: true });
  mkdirSync(join(place, "closed/deep"), { recursive: true });
  writeFileSync(join(place, "plain.txt"), "whale\n");
  writeFileSync(join(place, "nothing"), "");
  writeFileSync(join(place, "closed/deep/run.sh"), "#!/bin/sh\n");
  writeFileSync(join(place, "a 'quoted' \"name\" \u00e9\u{1f433}"), "odd");
  writeFileSync(join(place, "\ufeff\ufffd"), "odd, and UTF-8");
  writeFileSync(join(place, "-dash"), "dash");
  writeFileSync(join(place, "n".repeat(200)), "long");
  chmodSync(join(place, "closed/deep/run.sh"), 0o750);
  chmodSync(join(place, "plain.txt"), 0o600);
  symlinkSync("plain.txt", join(place, "link"));
  symlinkSync("../plain.txt", join(place, "closed/up"));
  symlinkSync("nowhere", join(place, "dangling"));
  chmodSync(join(place, "closed/deep"), 0o555);
}

/** Do something as a user whom read-only folders bind, as root they do not. A folder is given to that user. */
async function asOrdinaryUser<T>(own: string, act: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return await act();
  const nobody = 65534;
  chmodSync(folder, 0o755);
  chownSync(own, nobody, nobody);
  process.seteuid?.(nobody);
  try {
    return await act();
  } finally {
    process.seteuid?.(0);
  }
}

test("an archive of fold's own: its frames are objects, and its file comes back", async () => {
  const store = newStore();
  const { reference, isNew, new_objects } = await store.add(archive, "log");
  expect(isNew).toBe(true);
  expect(reference.kind).toBe("archive");
  expect(reference.members.map(({ path }) => path)).toEqual(memberNames(entries.length - 3));
  const raw = reference.members.map((member) => (member.type === "file" ? member.sha256 : ""));
  expect(raw).toEqual(entries.map((entry) => sha256(entry.bytes)));
  expect(reference.frame?.tar_sha256).toBe(sha256(tar));
  // Each member, what stands between them, and the reference itself.
  expect(new_objects).toBe(entries.length + 2);
  await store.find("log").restore(join(folder, "back.tar.zst"), breathe);
  expect(readFileSync(join(folder, "back.tar.zst")).equals(bytes)).toBe(true);
});

test("each object is proved by sha256sum, read-only, and nothing else is left", async () => {
  const store = newStore();
  await store.add(archive, "log");
  const files = objectFiles(store);
  expect(files.size).toBe(entries.length + 2);
  const lines = [...files].map(([name, path]) => `${name}  ${path}`).join("\n");
  const { stdout, success } = Bun.spawnSync(["sha256sum", "--check", "--quiet"], { stdin: Buffer.from(`${lines}\n`) });
  expect([success, stdout.toString()]).toEqual([true, ""]);
  for (const [name, path] of files) {
    expect(path.endsWith(`/${name.slice(0, 2)}/${name}`)).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o444);
  }
  expect(leftovers(store)).toEqual([]);
  expect(readdirSync(store.objects.addingFolder)).toEqual([]);
});

test("a member is read without the rest", async () => {
  const store = newStore();
  await store.add(archive, "log");
  const found = store.find("log");
  for (const entry of entries) expect(Buffer.from(await found.readMember(entry.path)).equals(entry.bytes)).toBe(true);
  expect((await found.describe()).name).toBe("book");
  expect(await found.tarSha256()).toBe(sha256(tar));
  expect(found.size_bytes).toBe(bytes.length);
  expect((await foldErrorOf(() => found.readMember("results/queue_00009999.bin"))).code).toBe("not_found");
});

test("a folder: files, modes, links, empty ones, odd names", async () => {
  const store = newStore();
  const place = join(folder, "tree");
  makeTree(place);
  const { reference } = await store.add(place, "tree");
  expect(reference.kind).toBe("folder");
  await store.find("tree").restore(join(folder, "tree-back"), breathe);
  expect(treeOf(join(folder, "tree-back"))).toEqual(treeOf(place));
});

describe("the mode of a folder itself", () => {
  test.each(["700", "755", "775", "550"])("%s comes back", async (octal) => {
    const mode = Number.parseInt(octal, 8);
    const store = newStore();
    const place = join(folder, `tree-${mode}`);
    makeTree(place);
    chmodSync(place, mode);
    await store.add(place, "tree");
    await store.find("tree").restore(`${place}-back`, breathe);
    expect(statSync(`${place}-back`).mode & 0o7777).toBe(mode);
    expect(treeOf(`${place}-back`)).toEqual(treeOf(place));
  });

  test("a reference from before it was kept: a new folder's, and adding the folder again does nothing", async () => {
    const store = newStore();
    const place = join(folder, "tree-old");
    makeTree(place);
    const { mode: _, sha256: _hash, ...old } = (await store.add(place, "tree")).reference;
    writeFileSync(store.fileOf("tree"), encodeReference(sealReference(old)));
    await store.find("tree").restore(`${place}-back`, breathe);
    expect(statSync(`${place}-back`).mode & 0o7777).toBe(0o777 & ~process.umask());
    expect((await store.add(place, "tree")).isNew).toBe(false);
    writeFileSync(join(place, "more"), "more");
    expect((await foldErrorOf(() => store.add(place, "tree"))).code).toBe("usage");
  });

  test("bits that let programs run as others are not kept", async () => {
    const store = newStore();
    const place = join(folder, "tree-bits");
    makeTree(place);
    chmodSync(join(place, "plain.txt"), 0o4755);
    chmodSync(place, 0o2775);
    await store.add(place, "tree");
    await store.find("tree").restore(`${place}-back`, breathe);
    expect(statSync(join(`${place}-back`, "plain.txt")).mode & 0o7777).toBe(0o755);
    expect(statSync(`${place}-back`).mode & 0o7777).toBe(0o775);
  });
});

test("a folder, to a path with a slash at its end", async () => {
  const store = newStore();
  const place = join(folder, "tree-slash");
  makeTree(place);
  await store.add(place, "tree");
  const out = join(folder, "slash");
  mkdirSync(out);
  await store.find("tree").restore(`${out}/above/back/`, breathe);
  expect(treeOf(join(out, "above/back"))).toEqual(treeOf(place));
  expect([readdirSync(out), readdirSync(join(out, "above"))]).toEqual([["above"], ["back"]]);
});

test("a folder with read-only ones in it that finds its place taken leaves nothing, and says why", async () => {
  const store = newStore();
  const place = join(folder, "tree-taken");
  makeTree(place);
  await store.add(place, "tree");
  const out = join(folder, "taken");
  mkdirSync(join(out, "back/mine"), { recursive: true });
  const error = await asOrdinaryUser(out, () => foldErrorOf(() => store.find("tree").restore(`${out}/back`, breathe)));
  expect([error.code, error.message]).toEqual(["failed", expect.stringContaining("ENOTEMPTY")]);
  expect(readdirSync(out)).toEqual(["back"]);
});

test("any file, whatever is in it", async () => {
  const store = newStore();
  const contents: Record<string, Uint8Array> = {
    empty: new Uint8Array(0),
    text: new TextEncoder().encode("whale"),
    pieces: new Uint8Array(3 * (1 << 20) + 17).map((_, i) => (i * 31) & 255),
    "compressed again.tar.zst": archiveInOneFrame(entries),
  };
  for (const [name, content] of Object.entries(contents)) {
    const path = join(folder, name);
    writeFileSync(path, content);
    chmodSync(path, 0o640);
    expect((await store.add(path, name)).reference.kind).toBe("file");
    await store.find(name).restore(`${path}.back`, breathe);
    expect(readFileSync(`${path}.back`).equals(content)).toBe(true);
    expect(statSync(`${path}.back`).mode & 0o777).toBe(0o640);
  }
});

test.each([242, 243, 255])("names of %d bytes, of a file, a folder, and a file in it", async (length) => {
  const store = newStore();
  const long = "n".repeat(length);
  const place = join(folder, `long-${length}`);
  mkdirSync(join(place, long), { recursive: true });
  writeFileSync(join(place, long, long), "whale");
  await store.add(place, "around");
  await store.add(join(place, long), "folder");
  await store.add(join(place, long, long), "file");
  const back = join(folder, `long-back-${length}`);
  await store.find("around").restore(back, breathe);
  expect(treeOf(back)).toEqual(treeOf(place));
  for (const name of ["folder", "file"]) {
    rmSync(back, { recursive: true });
    mkdirSync(back);
    await store.find(name).restore(join(back, long), breathe);
    expect(readdirSync(back)).toEqual([long]);
  }
  expect(readFileSync(join(back, long), "utf8")).toBe("whale");
});

describe("archives from before", () => {
  test("every form gives the same tar, the same members, the same manifest", async () => {
    const store = newStore();
    mkdirSync(store.archives, { recursive: true });
    cpSync(archive, join(store.archives, "whole.tar.zst"));
    writeFileSync(join(store.archives, "again.tar.zst"), archiveInOneFrame(entries));
    for (const entry of entries) {
      mkdirSync(join(store.archives, "plain", entry.path, ".."), { recursive: true });
      writeFileSync(join(store.archives, "plain", entry.path), entry.bytes);
    }
    await store.add(archive, "objects");
    await store.add(join(store.archives, "plain"), "folder");
    await store.add(join(store.archives, "again.tar.zst"), "file");
    expect(store.names()).toEqual(["again", "file", "folder", "objects", "plain", "whole"]);
    for (const name of store.names()) {
      const found = store.find(name);
      const out = join(folder, `${name}.out.tar.zst`);
      await found.writeWhole(out, breathe);
      expect(sha256(tarOfArchive(readFileSync(out)))).toBe(sha256(tar));
      expect((await found.describe()).content_sha256).toBe((await store.find("whole").describe()).content_sha256);
      for (const { path, bytes: raw } of entries.slice(0, -1)) {
        expect(sha256(await found.readMember(path))).toBe(sha256(raw));
      }
    }
  });

  test("symbolic links to them are listed as they can be had; a circle of links is no hindrance", async () => {
    const store = newStore();
    mkdirSync(join(store.archives, "below"), { recursive: true });
    const elsewhere = join(folder, "elsewhere");
    for (const entry of entries) {
      mkdirSync(join(elsewhere, entry.path, ".."), { recursive: true });
      writeFileSync(join(elsewhere, entry.path), entry.bytes);
    }
    symlinkSync(archive, join(store.archives, "below/file.tar.zst"));
    symlinkSync(elsewhere, join(store.archives, "unpacked"));
    symlinkSync("nowhere", join(store.archives, "dangling.tar.zst"));
    symlinkSync("self.tar.zst", join(store.archives, "self.tar.zst"));
    symlinkSync("..", join(store.archives, "below/circle"));
    expect(store.names()).toEqual(["below/file", "unpacked"]);
    expect(store.wholes().map(({ name, size_bytes }) => [name, size_bytes > 0])).toEqual([
      ["below/file", true],
      ["unpacked", true],
    ]);
    await store.find("below/file").restore(join(folder, "linked.tar.zst"), breathe);
    expect(readFileSync(join(folder, "linked.tar.zst")).equals(bytes)).toBe(true);
    for (const name of store.names()) store.remove(name);
    expect([store.names(), existsSync(archive), existsSync(join(elsewhere, "interner.bin"))]).toEqual([[], true, true]);
  });

  test("a reference goes before a whole file of the same name", async () => {
    const store = newStore();
    mkdirSync(store.archives, { recursive: true });
    writeFileSync(join(store.archives, "log.tar.zst"), archiveInOneFrame(entries));
    expect(store.find("log").form).toBe("whole");
    await store.add(archive, "log");
    expect(store.find("log").form).toBe("objects");
    expect(store.names()).toEqual(["log"]);
    store.remove("log");
    expect(store.find("log").form).toBe("whole");
    store.remove("log");
    expect((await foldErrorOf(() => store.find("log"))).code).toBe("not_found");
  });
});

describe("names", () => {
  const good = [
    "a b",
    'it\'s "quoted"',
    "\u00e9t\u00e9\u{1f433}",
    "n".repeat(200),
    "-rf",
    "sub/folder/x",
    "x.json",
    "%2e",
  ];
  const bad = [
    "",
    ".",
    "..",
    "../x",
    "a/../b",
    "/etc/x",
    "a//b",
    ".hidden",
    "a\\b",
    "a\nb",
    "a\0b",
    "\u{1f433}".repeat(63),
  ];

  test.each(good)("%j", async (name) => {
    const store = newStore();
    await store.add(archive, name);
    expect(store.names()).toEqual([name]);
    await store.find(name).restore(join(folder, "named.out"), breathe);
    store.remove(name);
    expect(store.names()).toEqual([]);
  });

  test.each(bad)("%j is refused", async (name) => {
    const store = newStore();
    expect((await foldErrorOf(() => store.add(archive, name))).code).toBe("usage");
    expect((await foldErrorOf(() => store.find(name))).code).toBe("usage");
    expect(readdirSync(folder)).not.toContain("x.json");
  });
});

test("adding the same again does nothing; something else under the name is refused and leaves nothing", async () => {
  const store = newStore();
  await store.add(archive, "log");
  const before = [...objectFiles(store).keys()];
  const again = await store.add(archive, "log");
  expect([again.isNew, again.new_objects, again.new_bytes]).toEqual([false, 0, 0]);
  const other = join(folder, "other.txt");
  writeFileSync(other, "something else");
  const error = await foldErrorOf(() => store.add(other, "log"));
  expect([error.code, error.exitCode]).toEqual(["usage", 2]);
  expect([...objectFiles(store).keys()].sort()).toEqual(before.sort());
  expect(leftovers(store)).toEqual([]);
});

test("an empty store", async () => {
  const store = newStore();
  expect(store.names()).toEqual([]);
  expect([...store.objects.list()]).toEqual([]);
  expect(await store.collect({ grace_ms: 0, isDry: false })).toMatchObject({ objects: 0, deleted: 0 });
});

test.each(["C:x", "a\\b"])(
  "a file whose own name no reference may hold, %s, is refused under any name",
  async (odd) => {
    const store = newStore();
    writeFileSync(join(folder, odd), "odd");
    const error = await foldErrorOf(() => store.add(join(folder, odd), "plain"));
    expect([error.code, error.exitCode]).toEqual(["usage", 2]);
    expect(store.names()).toEqual([]);
    expect([...objectFiles(store).keys()]).toEqual([]);
  },
);

test("a folder with the state directory in it", async () => {
  const place = join(folder, "around");
  mkdirSync(place);
  writeFileSync(join(place, "text"), "whale");
  const store = new Store(join(place, "state"));
  await store.add(place, "around");
  await store.find("around").restore(join(folder, "around-back"), breathe);
  expect(readFileSync(join(folder, "around-back/text"), "utf8")).toBe("whale");
});

test("a file that goes while its folder is added is told as missing, or was read before", async () => {
  const place = join(folder, "going");
  mkdirSync(place);
  for (const name of ["a", "b"]) writeFileSync(join(place, name), name);
  const remove = (name: string) => () => Promise.resolve(rmSync(join(place, name), { force: true }));
  expect((await newStore().add(place, "going", remove("a"))).reference.members.length).toBe(2);
  writeFileSync(join(place, "a"), "a");
  expect((await foldErrorOf(() => newStore().add(place, "going", remove("b")))).code).toBe("not_found");
});
