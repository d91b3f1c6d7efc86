// fold store as a user has it: the executable, its exit codes, what it prints.
import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { sha256 } from "../../src/archive/manifest.ts";
import { Archive } from "../../src/archive/reader.ts";
import { ArchiveWriter } from "../../src/archive/writer.ts";
import { compressFrame } from "../../src/archive/zstd.ts";
import { Store } from "../../src/store/store.ts";
import { call } from "../support/binary.ts";
import { foldText } from "../support/folds.ts";
import { longerSample } from "../support/sample.ts";
import { age, objectFiles, treeOf } from "../support/stores.ts";
import { temporaryFolder, withFolder } from "../support/temporary.ts";

const scratch = temporaryFolder();
const archive = join(scratch, "log.tar.zst");
await foldText(longerSample, { archive });

/** Call `fold store` in a folder, with --json; the object on stdout. */
async function store(cwd: string, ...args: string[]) {
  const { exit, stdout, stderr } = await call(["store", ...args, "--json"], { cwd });
  return { ...(JSON.parse(stdout) as { archives?: unknown; saved?: number }), exit, stderr };
}

test("add, ls, get, stats, rm, gc: from an archive to the same bytes again, and to nothing", async () => {
  await withFolder(async (cwd) => {
    expect(await store(cwd, "add", archive)).toMatchObject({ exit: 0, name: "log", kind: "archive", is_new: true });
    expect(await store(cwd, "add", archive)).toMatchObject({ exit: 0, is_new: false, new_objects: 0 });
    expect(await store(cwd, "add", archive, "--name=-odd 'name'")).toMatchObject({ exit: 0, is_new: true });
    const { archives } = await store(cwd, "ls");
    expect(archives).toMatchObject([
      { name: "-odd 'name'", form: "archive" },
      { name: "log", form: "archive", size_bytes: readFileSync(archive).length },
    ]);
    expect(await store(cwd, "get", "log", "--out", "back.tar.zst")).toMatchObject({ exit: 0 });
    expect(readFileSync(join(cwd, "back.tar.zst")).equals(readFileSync(archive))).toBe(true);
    const { saved } = await store(cwd, "stats");
    expect(saved).toBeGreaterThan(0.4);
    expect(await store(cwd, "rm", "log")).toMatchObject({ exit: 0, removed: true });
    expect((await call(["store", "rm", "--", "-odd 'name'"], { cwd })).exit).toBe(0);
    const objects = objectFiles(new Store(join(cwd, "fold_state"))).size;
    expect(await store(cwd, "gc")).toMatchObject({ exit: 0, deleted: 0, young: objects });
    expect(await store(cwd, "gc", "--grace", "0", "--dry-run")).toMatchObject({ deleted: objects, dry_run: true });
    expect(objectFiles(new Store(join(cwd, "fold_state"))).size).toBe(objects);
    expect(await store(cwd, "gc", "--grace", "0")).toMatchObject({ exit: 0, deleted: objects });
    expect(objectFiles(new Store(join(cwd, "fold_state"))).size).toBe(0);
  });
});

test("an add of what is there already says what it has mended", async () => {
  await withFolder(async (cwd) => {
    mkdirSync(join(cwd, "tree"));
    for (const name of ["a", "b", "c"]) writeFileSync(join(cwd, "tree", name), name.repeat(10));
    const add = async () => (await call(["store", "add", "tree"], { cwd })).stdout;
    await add();
    expect(await add()).toBe("tree: stored already, nothing to do\n");
    const files = objectFiles(new Store(join(cwd, "fold_state")));
    const [lost, damaged] = ["a", "b"].map((name) => files.get(sha256(Buffer.from(name.repeat(10)))) ?? "");
    rmSync(lost);
    chmodSync(damaged, 0o644);
    writeFileSync(damaged, "bad");
    expect(await add()).toBe("tree: stored already, but not all of it was there: 2 objects written again (20 bytes)\n");
    expect(await store(cwd, "verify")).toMatchObject({ exit: 0, ok: true });
    expect(await add()).toBe("tree: stored already, nothing to do\n");
  });
});

test("a folder, and a state directory by option and by environment", async () => {
  await withFolder(async (cwd) => {
    mkdirSync(join(cwd, "tree/empty"), { recursive: true });
    writeFileSync(join(cwd, "tree/a b"), "whale");
    expect((await call(["store", "add", "tree", "--state-dir", "here"], { cwd })).exit).toBe(0);
    expect(existsSync(join(cwd, "fold_state"))).toBe(false);
    for (const variable of ["FOLD_STATE_DIR", "LOCAL_STATE_DIR"]) {
      const { stdout } = await call(["store", "ls"], { cwd, env: { [variable]: join(cwd, "here") } });
      expect(stdout).toBe("tree  folder  5 bytes\n");
    }
    expect((await call(["store", "get", "tree", "--out", "back", "--state-dir", "here"], { cwd })).exit).toBe(0);
    expect(treeOf(join(cwd, "back"))).toEqual(treeOf(join(cwd, "tree")));
  });
});

test("verify: 0 for a sound store, 1 for a damaged one, 3 when half is repaired, 0 when all is", async () => {
  await withFolder(async (cwd) => {
    writeFileSync(join(cwd, "alone"), "alone");
    await store(cwd, "add", archive);
    await store(cwd, "add", "alone");
    expect(await store(cwd, "verify")).toMatchObject({ exit: 0, ok: true, bad_objects: [] });
    const files = [...objectFiles(new Store(join(cwd, "fold_state")))];
    for (const [, path] of files) {
      chmodSync(path, 0o644);
      writeFileSync(path, "bad");
    }
    writeFileSync(join(cwd, "alone"), "changed");
    const first = await call(["store", "verify"], { cwd });
    expect(first.exit).toBe(1);
    for (const [object] of files) expect(first.stdout).toContain(`${object} damaged`);
    expect(first.stdout).toContain("2 archives cannot be read in full: alone, log");
    expect(first.stderr).toContain("--repair-from");
    const half = await store(cwd, "verify", "--repair-from", archive);
    expect(half).toMatchObject({ exit: 3, ok: false, broken: ["alone"] });
    writeFileSync(join(cwd, "copy"), "alone");
    const whole = await store(cwd, "verify", "--repair-from", "copy", "--sample", "1/30");
    expect(whole).toMatchObject({ exit: 0, ok: true, broken: [] });
    expect(await store(cwd, "verify")).toMatchObject({ exit: 0, ok: true });
  });
});

test("verify --rebuild brings back references that are gone", async () => {
  await withFolder(async (cwd) => {
    await store(cwd, "add", archive);
    await store(cwd, "rm", "log");
    expect(await store(cwd, "ls")).toMatchObject({ archives: [] });
    expect(await store(cwd, "verify", "--rebuild")).toMatchObject({ exit: 0, forgotten: ["log"] });
    await store(cwd, "get", "log", "--out", "back");
    expect(readFileSync(join(cwd, "back")).equals(readFileSync(archive))).toBe(true);
  });
});

test("a collection of garbage where there is no store makes none", async () => {
  await withFolder(async (cwd) => {
    expect(await store(cwd, "gc", "--state-dir", "nope")).toMatchObject({ exit: 0, objects: 0, deleted: 0 });
    expect(readdirSync(cwd)).toEqual([]);
  });
});

test("objects are counted with the reference, wherever they are counted", async () => {
  await withFolder(async (cwd) => {
    writeFileSync(join(cwd, "book.txt"), "whale");
    const { stdout } = await call(["store", "add", "book.txt"], { cwd });
    expect(stdout).toMatch(/^book\.txt: 2 objects, 2 new \(/);
    expect(await store(cwd, "ls")).toMatchObject({ archives: [{ name: "book.txt", objects: 2 }] });
    expect(await store(cwd, "gc")).toMatchObject({ objects: 2 });
  });
});

test("a name that stands for a reference and for a whole file: both are listed, and rm tells which went", async () => {
  await withFolder(async (cwd) => {
    await store(cwd, "add", archive);
    const whole = join("fold_state/archives", "log.tar.zst");
    copyFileSync(archive, join(cwd, whole));
    expect(await store(cwd, "ls")).toMatchObject({
      archives: [
        { name: "log", form: "archive" },
        { name: "log", form: "whole", size_bytes: readFileSync(archive).length },
      ],
    });
    const first = await call(["store", "rm", "log"], { cwd });
    expect(first.stdout).toBe("log: removed; `fold store gc` frees the space\n");
    expect(first.stderr).toBe(`${whole} has the same name and is still there\n`);
    const second = await call(["store", "rm", "log"], { cwd });
    expect([second.stdout, second.stderr]).toEqual(["log: removed: it was one whole file, which is gone\n", ""]);
    expect(existsSync(join(cwd, whole))).toBe(false);
  });
});

describe("mistakes", () => {
  const mistakes: [args: string[], exit: number, message: string][] = [
    [[], 2, "store needs ls"],
    [["lst"], 2, 'store cannot "lst"'],
    [["ls", "x"], 2, "store ls takes no path"],
    [["add"], 2, "store add needs a path"],
    [["add", "nowhere"], 5, "nowhere: no such file"],
    [["add", ".", "--name", "../x"], 2, '"../x" cannot be the name'],
    [["get", "nothing", "--out", "x"], 5, "there is no archive nothing"],
    [["get", "nothing"], 2, "needs --out"],
    [["get", "nothing", "--out", "."], 2, "there already"],
    [["get", "nothing", "--out", "-"], 2, "not the standard output"],
    [["rm", "nothing"], 5, "there is no archive nothing"],
    [["ls", "--grace", "1h"], 2, "store ls has no option --grace"],
    [["gc", "--grace", "tomorrow"], 2, "--grace cannot be"],
    [["gc", "--repair-from", "x"], 2, "store gc has no option --repair-from"],
    [["verify", "--sample", "2"], 2, "--sample cannot be"],
    [["verify", "--repair-from", "nowhere"], 5, "nowhere: no such file"],
  ];
  test.each(mistakes)("%j", async (args, exit, message) => {
    await withFolder(async (cwd) => {
      const ended = await call(["store", ...args], { cwd });
      expect(ended.stderr).toContain(message);
      expect(ended.stderr).toContain("hint: ");
      expect([ended.exit, ended.stdout]).toEqual([exit, ""]);
    });
  });

  test("a damaged archive is not added", async () => {
    await withFolder(async (cwd) => {
      const bytes = readFileSync(archive);
      bytes[bytes.length >> 1] ^= 1;
      writeFileSync(join(cwd, "bad.tar.zst"), bytes);
      expect(await store(cwd, "add", "bad.tar.zst")).toMatchObject({ exit: 1, error: { code: "corrupt" } });
      expect(await store(cwd, "ls")).toMatchObject({ archives: [] });
    });
  });
});

test("a store of two processes at once: many adds and collections without grace, nothing is lost", async () => {
  await withFolder(async (cwd) => {
    for (let i = 0; i < 12; i++) writeFileSync(join(cwd, `${i}`), `content ${i % 3}`);
    const runs = Array.from({ length: 12 }, (_, i) => [
      call(["store", "add", `${i}`], { cwd }),
      call(["store", "gc", "--grace", "0"], { cwd }),
    ]);
    for (const { exit, stderr } of await Promise.all(runs.flat())) expect([exit, stderr]).toEqual([0, ""]);
    expect(await store(cwd, "verify")).toMatchObject({ exit: 0, ok: true, archives: 12, bad_objects: [] });
    const state = new Store(join(cwd, "fold_state"));
    age(state, 48);
    await store(cwd, "gc");
    // Three contents, and a reference each of twelve.
    expect(objectFiles(state).size).toBe(15);
    expect(readdirSync(state.objects.trashFolder)).toEqual([]);
  });
});

test("an archive of many members is read on another thread: the same bytes, and the same errors", async () => {
  await withFolder(async (cwd) => {
    const large = join(cwd, "large.tar.zst");
    await writeManyMembers(large);
    expect(await store(cwd, "add", large)).toMatchObject({ exit: 0, kind: "archive" });
    expect(await store(cwd, "get", "large", "--out", "back.tar.zst")).toMatchObject({ exit: 0 });
    const bytes = readFileSync(large);
    expect(readFileSync(join(cwd, "back.tar.zst")).equals(bytes)).toBe(true);
    bytes[bytes.length >> 1] ^= 1;
    writeFileSync(join(cwd, "damaged.tar.zst"), bytes);
    const { exit, stdout } = await call(["store", "add", "damaged.tar.zst", "--state-dir", "other", "--json"], { cwd });
    expect(exit).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "corrupt" } });
    expect(objectFiles(new Store(join(cwd, "other"))).size).toBe(0);
  });
});

/** The chunk of the archive again and again, each time with another number behind it: the store does not look inside. */
async function writeManyMembers(path: string): Promise<void> {
  const source = await Archive.open(archive);
  const { manifest } = source;
  const writer = new ArchiveWriter(path, manifest, await source.corpus());
  for (let number = 0; number < 40; number++) {
    for await (const [entry, bytes] of source.members(manifest.chunks)) {
      const unique = Buffer.concat([bytes, Buffer.from([number])]);
      const [origin, second, square] = entry.start;
      const optimal = { dims: [2, 2], words: ["a", "b", "c", "d"] };
      writer.addChunk({ ...entry, optimal, start: { origin, second, square } }, unique, compressFrame(unique));
    }
  }
  writer.finish();
  source.close();
}
