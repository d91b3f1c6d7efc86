// fold collect: what workers without coordination have uploaded, each once, in one archive.
import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Alone } from "../support/alone.ts";
import { call, report, start } from "../support/binary.ts";
import { Collections, texts } from "../support/collections.ts";
import { startProxy } from "../support/proxy.ts";
import { spaces } from "../support/spaces.ts";

const alone = await Alone.make();
const collections = new Collections(alone);
const out = join(alone.folder, "all.tar.zst");

describe("fold collect", () => {
  test("what is there twice counts once, the rest becomes one archive: the same content as in one go", async () => {
    await alone.clear();
    await collections.upload("a", "b", "a", "c");
    const { content_sha256 } = await collections.union(["a", "b", "c"]);
    const dry = await collections.collect("--dry-run");
    expect([dry.exit, dry.fates]).toEqual([0, ["a kept", "a duplicate", "b kept", "c kept"]]);
    expect(dry.end.merged).toBeNull();
    expect(dry.archives[1]?.reason).toBe(`the same as ${dry.archives[0]?.key}`);
    const { exit, end } = await collections.collect("--out", out, "--name", "union");
    expect([exit, end]).toMatchObject([0, { inputs: 3, kept: 3, duplicates: 1, removed: 0, merged: { is_new: true } }]);
    expect(end.merged.lineage).toBe('("a" "b" "c")');
    expect((await report(["show", out])).content_sha256).toBe(content_sha256 as string);
    expect((await alone.archives()).length).toBe(4);
    const again = await collections.collect("--out", out, "--name", "union", "--remove-duplicates");
    expect(again.end).toMatchObject({ removed: 1, merged: { is_new: false, tar_sha256: end.merged.tar_sha256 } });
    expect((await alone.archives()).map(({ facts }) => facts.name)).toEqual(["a", "b", "c"]);
    const left = readdirSync(join(alone.machine("collector"), "collect"));
    expect(left.filter((name) => !name.endsWith(".lock"))).toEqual([]);
  });

  test("into the bucket, again and again: what is merged already is not merged into itself", async () => {
    await alone.clear();
    await collections.upload("a", "b");
    const first = await collections.collect("--upload", "union");
    expect(first.end.merged).toMatchObject({ name: "union", lineage: '("a" "b")', is_new: true });
    const second = await collections.collect("--upload", "union");
    expect([second.end.merged.place, second.end.merged.is_new]).toEqual([first.end.merged.place, false]);
    expect(second.fates).toEqual(["a left out", "b left out", "union kept"]);
    await collections.upload("c");
    const third = await collections.collect("--upload", "union");
    expect(third.end.merged).toMatchObject({ lineage: '(("a" "b") "c")', is_new: true });
    const one = await collections.collect("--prefix", "a_", "--upload", "single");
    expect(one.end.merged).toMatchObject({ lineage: '"a"', is_new: true });
    expect((await collections.collect("--prefix", "a_", "--upload", "single")).end.merged.is_new).toBe(false);
  });

  test("shards are joined when all are there, to what fold run makes", async () => {
    await alone.clear();
    await alone.put("a.txt", texts.a);
    for (const shard of ["1/3", "3/3"]) await alone.fold("worker", "a.txt", "--shard", shard);
    await collections.upload("b");
    const early = await collections.collect("--out", out);
    expect([early.exit, early.end.incomplete, early.end.merged.lineage]).toEqual([3, 2, '"b"']);
    expect(early.archives.map(({ reason }) => reason)).toEqual([
      "of 3 shards only 2 are there",
      "of 3 shards only 2 are there",
      "",
    ]);
    await alone.fold("worker", "a.txt", "--shard", "2/3");
    const joined = await collections.collect("--prefix", "a.shard", "--out", out);
    const whole = await collections.union(["a"]);
    expect([joined.stderr, joined.exit, joined.end?.merged.lineage]).toEqual(["", 0, '"a"']);
    expect((await report(["show", out])).content_sha256).toBe(whole.content_sha256);
    await collections.collect("--upload", "joined");
    // Neither do shards come into a union that they are in.
    const second = await collections.collect("--upload", "joined");
    expect(second.end.merged).toMatchObject({ lineage: '("a" "b")', is_new: false });
    await alone.results.remove((await alone.archives("joined_")).map(({ key }) => key));
    await alone.fold("worker", "a.txt");
    expect((await collections.collect("--dry-run")).fates.sort()).toEqual([
      ...["a kept", "a.shard-1-of-3 left out", "a.shard-2-of-3 left out", "a.shard-3-of-3 left out", "b kept"],
    ]);
  });

  test("why archives of one input differ is told", async () => {
    await alone.clear();
    await collections.upload("a");
    await alone.fold("worker", "a.txt", "--max-dims", "3");
    await alone.put("a.txt", texts.b);
    await alone.fold("worker", "a.txt");
    const [old] = (await alone.archives("a_")).slice(0, 1);
    // As another program would have made it: other bytes in the archive, the same text and options.
    const { bytes } = await alone.results.get(old!.key, 1 << 20);
    const { metadata } = (await alone.results.head(old!.key))!;
    const changed = { ...metadata, "fold-version": "0.0.1 abc", "fold-tar-sha256": "0".repeat(64) };
    await alone.results.put("a_20200101T000000000Z_00000000.tar.zst", bytes, { metadata: changed });
    await alone.results.put(old!.key, bytes, { metadata });
    await alone.results.put("z_20200101T000000000Z_00000000.tar.zst", Buffer.from("no archive"));
    await alone.results.put("notes.txt", Buffer.from("not looked at"));
    const { exit, archives, end } = await collections.collect("--dry-run");
    const told = Object.fromEntries(archives.map(({ key, fate, reason }) => [key as string, `${fate}: ${reason}`]));
    const reasons = Object.values(told).map((reason) => reason.replace(/_20\d+T\d+Z_[0-9a-f]+/g, ""));
    expect(exit).toBe(3);
    expect(reasons.sort()).toEqual([
      "damaged: it is no whole archive",
      "kept: ",
      "kept: another text under the same key than that of a.tar.zst",
      "left out: folded with --max-dims 3 --min-volume 1",
      expect.stringMatching(/^left out: made by fold 0\.0\.1 abc, and a\.tar\.zst by /),
    ]);
    expect(end).toMatchObject({ kept: 2, left_out: 2, damaged: 1 });
    const latest = await collections.collect("--dry-run", "--latest");
    expect(latest.end).toMatchObject({ left_out: 3, damaged: 1 });
    const deep = await collections.collect("--max-dims", "3", "--out", out);
    expect(deep.end.merged).toMatchObject({ lineage: '"a"' });
  });

  test("where the kept one of two equal archives is damaged, the other takes its place and stays", async () => {
    await alone.clear();
    await collections.upload("a", "a", "b");
    const [first, second] = await alone.archives("a_");
    const { metadata } = (await alone.results.head(first!.key))!;
    await alone.results.put(first!.key, Buffer.from("damaged"), { metadata });
    const { exit, fates, end } = await collections.collect("--out", out, "--remove-duplicates");
    expect([exit, fates]).toEqual([3, ["a damaged", "a kept", "b kept"]]);
    expect(end.merged.lineage).toBe('("a" "b")');
    expect((await alone.archives("a_")).map(({ key }) => key)).toEqual([first!.key, second!.key]);
    const removing = await collections.collect("--remove-duplicates");
    expect(removing.end.removed).toBe(0);
  });

  test("killed half-way it leaves the next one a free place, and another one meanwhile is told to wait", async () => {
    await alone.clear();
    await collections.upload("a", "b");
    const { promise: isFetching, resolve } = Promise.withResolvers<void>();
    const folder = join(alone.folder, "unlucky", "collect");
    const left: string[][] = [];
    const proxy = await startProxy(spaces.endpoint, ({ method, path }) => {
      if (method !== "GET" || !path.includes("/b_")) return null;
      left.push(readdirSync(folder, { recursive: true, encoding: "utf8" }));
      resolve();
      return left.length === 1 ? { kind: "stall" } : null;
    });
    const target = join(alone.folder, "killed.tar.zst");
    const env = { DO_SPACES_ENDPOINT: proxy.endpoint, LOCAL_CACHE_DIR: join(alone.folder, "unlucky") };
    const killed = start(["collect", "--out", target], { env: alone.environment("collector", env) });
    await Promise.race([isFetching, killed.ended]);
    const second = await alone.collect(["--out", target], { env });
    expect([second.exit, second.stderr]).toEqual([1, expect.stringContaining("under way already")]);
    killed.child.kill("SIGKILL");
    await killed.ended;
    const halves = () => left.at(-1)?.filter((path) => path.endsWith(".tmp")) ?? [];
    expect(halves().length).toBe(1);
    // What was under way is no matter of a dry run.
    expect((await alone.collect(["--out", target, "--dry-run"], { env })).exit).toBe(0);
    expect(readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()).length).toBe(1);
    const next = await alone.collect(["--out", target], { env });
    await proxy.close();
    expect([next.exit, left.length, halves().length]).toEqual([0, 2, 1]);
    expect(readdirSync(folder).filter((name) => !name.endsWith(".lock"))).toEqual([]);
  });

  test("two at once on two machines: each archive stays once, and both make the same one", async () => {
    await alone.clear();
    await collections.upload("a", "b", "a", "b");
    const args = ["--upload", "union", "--remove-duplicates"];
    const ended = await Promise.all(["left", "right"].map((machine) => collections.collectOn(machine, ...args)));
    expect(ended.map(({ exit, stderr }) => [exit, stderr])).toEqual([
      [0, ""],
      [0, ""],
    ]);
    expect(new Set(ended.map(({ end }) => end.merged.tar_sha256)).size).toBe(1);
    await collections.collect("--remove-duplicates");
    expect((await alone.archives()).map(({ facts }) => facts.name)).toEqual(["a", "b", "union"]);
  });

  test("what is in the way is told before anything is fetched", async () => {
    await alone.clear();
    await collections.upload("a");
    const seen: string[] = [];
    const proxy = await startProxy(spaces.endpoint, ({ method, path }) => {
      seen.push(`${method} ${path}`);
      return null;
    });
    const file = join(alone.folder, "a-file");
    writeFileSync(file, "");
    const env = { DO_SPACES_ENDPOINT: proxy.endpoint };
    const noFolder = await alone.collect(["--out", join(file, "all.tar.zst")], { env });
    expect([noFolder.exit, noFolder.stderr]).toEqual([5, expect.stringContaining(file)]);
    for (const place of [alone.folder, join(alone.folder, "new/"), "/dev/null", file]) {
      const taken = await alone.collect(["--out", place], { env });
      expect([taken.exit, taken.stderr]).toEqual([2, expect.stringContaining(`fold: ${place} is `)]);
    }
    expect(existsSync(join(alone.folder, "new"))).toBe(false);
    const open = join(alone.folder, "open-to-all");
    mkdirSync(join(open, "collect"), { recursive: true });
    chmodSync(join(open, "collect"), 0o777);
    const shared = await alone.collect(["--out", out], { env: { ...env, LOCAL_CACHE_DIR: open } });
    expect([shared.exit, shared.stderr]).toEqual([4, expect.stringContaining("others may write to it")]);
    await proxy.close();
    expect(seen).toEqual([]);
  });

  test("the same command goes on where a broken line ended it: no large archive is fetched twice", async () => {
    await alone.clear();
    for (const name of ["a", "b", "c"]) await collections.putLarge(name);
    const seen: string[] = [];
    let isCut = true;
    const proxy = await startProxy(spaces.endpoint, ({ method, path }) => {
      const isFetch = method === "GET" && path.includes(".tar.zst");
      if (isFetch && isCut && path.includes("/c_")) return { kind: "status", status: 403 };
      if (isFetch) seen.push(path.replace(/^.*\//, "").replace(/_.*/, ""));
      return null;
    });
    // A machine that has seen none of them.
    const env = { DO_SPACES_ENDPOINT: proxy.endpoint, LOCAL_CACHE_DIR: join(alone.folder, "fresh") };
    const target = join(alone.folder, "resumed.tar.zst");
    const broken = await alone.collect(["--out", target], { env });
    expect([broken.exit, existsSync(target)]).toEqual([4, false]);
    isCut = false;
    expect((await alone.collect(["--out", target], { env })).exit).toBe(0);
    await proxy.close();
    expect(seen).toEqual(["a", "b", "c"]);
  });

  test("keys may hold anything: it neither tears the lines nor gets into the name of the archive", async () => {
    await alone.clear();
    for (const key of ["a\u001b[31m.txt", "b\nkept.txt"]) {
      await alone.put(key, texts.a);
      await alone.fold("worker", key);
      await alone.results.put(`${key}.tar.zst`, Buffer.from("no archive"));
    }
    const odd = join(alone.folder, "odd.tar.zst");
    const { exit, stdout } = await alone.collect(["--out", odd]);
    const lines = stdout.trimEnd().split("\n");
    expect([exit, lines.length, /(?!\n)\p{Cc}/u.test(stdout)]).toEqual([3, 4, false]);
    expect(lines.slice(0, 2)).toEqual([
      "a\ufffd[31m.txt.tar.zst: damaged, it is no whole archive",
      "b\ufffdkept.txt.tar.zst: damaged, it is no whole archive",
    ]);
    expect(lines[3]).toStartWith(`${odd}: a_[31m+b_kept, `);
  });

  test("mistakes are told with what to do", async () => {
    await alone.clear();
    const file = join(alone.folder, "mine.txt");
    writeFileSync(file, "my notes");
    const attempts: [readonly string[], number, string][] = [
      [[], 2, "give --out FILE or --upload NAME"],
      [["--out", out, "--upload", "x"], 2, "--out and --upload exclude each other"],
      [["--out", join(alone.folder, "none.tar.zst")], 5, "there is no archive to merge"],
    ];
    for (const [args, exit, message] of attempts) {
      expect(await alone.collect(args)).toMatchObject({ exit, stderr: expect.stringContaining(message) });
    }
    expect((await alone.collect(["--dry-run"])).stdout).toContain("0 inputs");
    await collections.upload("a");
    const refused = await alone.collect(["--out", file]);
    expect([refused.exit, await Bun.file(file).text()]).toEqual([2, "my notes"]);
    expect((await call(["help", "collect"])).stdout).toContain("--remove-duplicates");
  });
});
