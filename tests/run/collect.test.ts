// fold collect: what workers without coordination have uploaded, each once, in one archive.
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Alone, linesOf, type Told } from "../support/alone.ts";
import { call, report } from "../support/binary.ts";
import { startProxy } from "../support/proxy.ts";
import { spaces } from "../support/spaces.ts";

const alone = await Alone.make();
const texts = {
  a: "the cat sat on the mat. a cat sat on a mat.\n",
  b: "the dog sat on the log. a dog sat on a log.\n",
  c: "the hen ate of the corn. a hen ate of a corn.\n",
} as const;

/** What folding all texts together gives. */
async function union(names: readonly (keyof typeof texts)[]) {
  const folder = join(alone.folder, `union-${names.join("")}`);
  const paths = names.map((name) => join(folder, `${name}.txt`));
  await Promise.all(names.map((name, i) => Bun.write(paths[i]!, texts[name])));
  return await report(["run", ...paths, "--merge", "--out", folder]);
}

async function upload(...names: readonly (keyof typeof texts)[]): Promise<void> {
  for (const name of names) {
    await alone.put(`${name}.txt`, texts[name]);
    await alone.fold("worker", `${name}.txt`);
  }
}

/** Collect with --json: the exit code, what became of each archive, and the end. */
async function collect(...args: readonly string[]) {
  const ended = await alone.collect([...args, "--json"]);
  const lines = linesOf(ended);
  const archives = lines.filter(({ event }) => event === "archive");
  const fates = archives.map(({ key, fate }) => `${String(key).replace(/_.*/, "")} ${fate}`);
  const end = lines.find(({ event }) => event === "end") as Told & { readonly merged: Told };
  return { exit: ended.exit, stderr: ended.stderr, archives, fates, end };
}

const out = join(alone.folder, "all.tar.zst");

describe("fold collect", () => {
  test("what is there twice counts once, the rest becomes one archive: the same content as in one go", async () => {
    await alone.clear();
    await upload("a", "b", "a", "c");
    const { content_sha256 } = await union(["a", "b", "c"]);
    const dry = await collect("--dry-run");
    expect([dry.exit, dry.fates]).toEqual([0, ["a kept", "a duplicate", "b kept", "c kept"]]);
    expect(dry.end.merged).toBeNull();
    expect(dry.archives[1]?.reason).toBe(`the same as ${dry.archives[0]?.key}`);
    const { exit, end } = await collect("--out", out, "--name", "union");
    expect([exit, end]).toMatchObject([0, { inputs: 3, kept: 3, duplicates: 1, removed: 0, merged: { is_new: true } }]);
    expect(end.merged.lineage).toBe('("a" "b" "c")');
    expect((await report(["show", out])).content_sha256).toBe(content_sha256 as string);
    expect((await alone.archives()).length).toBe(4);
    const again = await collect("--out", out, "--name", "union", "--remove-duplicates");
    expect(again.end).toMatchObject({ removed: 1, merged: { is_new: false, tar_sha256: end.merged.tar_sha256 } });
    expect((await alone.archives()).map(({ facts }) => facts.name)).toEqual(["a", "b", "c"]);
    const left = readdirSync(join(alone.machine("collector"), "collect"));
    expect(left.filter((name) => !name.endsWith(".lock"))).toEqual([]);
  });

  test("into the bucket, again and again: what is merged already is not merged into itself", async () => {
    await alone.clear();
    await upload("a", "b");
    const first = await collect("--upload", "union");
    expect(first.end.merged).toMatchObject({ name: "union", lineage: '("a" "b")', is_new: true });
    const second = await collect("--upload", "union");
    expect([second.end.merged.place, second.end.merged.is_new]).toEqual([first.end.merged.place, false]);
    expect(second.fates).toEqual(["a left out", "b left out", "union kept"]);
    await upload("c");
    const third = await collect("--upload", "union");
    expect(third.end.merged).toMatchObject({ lineage: '(("a" "b") "c")', is_new: true });
    const one = await collect("--prefix", "a_", "--upload", "single");
    expect(one.end.merged).toMatchObject({ lineage: '"a"', is_new: true });
    expect((await collect("--prefix", "a_", "--upload", "single")).end.merged.is_new).toBe(false);
  });

  test("shards are joined when all are there, to what fold run makes", async () => {
    await alone.clear();
    await alone.put("a.txt", texts.a);
    for (const shard of ["1/3", "3/3"]) await alone.fold("worker", "a.txt", "--shard", shard);
    await upload("b");
    const early = await collect("--out", out);
    expect([early.exit, early.end.incomplete, early.end.merged.lineage]).toEqual([3, 2, '"b"']);
    expect(early.archives.map(({ reason }) => reason)).toEqual([
      "of 3 shards only 2 are there",
      "of 3 shards only 2 are there",
      "",
    ]);
    await alone.fold("worker", "a.txt", "--shard", "2/3");
    const joined = await collect("--prefix", "a.shard", "--out", out);
    const whole = await union(["a"]);
    expect([joined.stderr, joined.exit, joined.end?.merged.lineage]).toEqual(["", 0, '"a"']);
    expect((await report(["show", out])).content_sha256).toBe(whole.content_sha256);
    await collect("--upload", "joined");
    // Neither do shards come into a union that they are in.
    const second = await collect("--upload", "joined");
    expect(second.end.merged).toMatchObject({ lineage: '("a" "b")', is_new: false });
    await alone.results.remove((await alone.archives("joined_")).map(({ key }) => key));
    await alone.fold("worker", "a.txt");
    expect((await collect("--dry-run")).fates.sort()).toEqual([
      ...["a kept", "a.shard-1-of-3 left out", "a.shard-2-of-3 left out", "a.shard-3-of-3 left out", "b kept"],
    ]);
  });

  test("why archives of one input differ is told", async () => {
    await alone.clear();
    await upload("a");
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
    const { exit, archives, end } = await collect("--dry-run");
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
    const latest = await collect("--dry-run", "--latest");
    expect(latest.end).toMatchObject({ left_out: 3, damaged: 1 });
    const deep = await collect("--max-dims", "3", "--out", out);
    expect(deep.end.merged).toMatchObject({ lineage: '"a"' });
  });

  test("where the kept one of two equal archives is damaged, the other takes its place and stays", async () => {
    await alone.clear();
    await upload("a", "a", "b");
    const [first, second] = await alone.archives("a_");
    const { metadata } = (await alone.results.head(first!.key))!;
    await alone.results.put(first!.key, Buffer.from("damaged"), { metadata });
    const { exit, fates, end } = await collect("--out", out, "--remove-duplicates");
    expect([exit, fates]).toEqual([3, ["a damaged", "a kept", "b kept"]]);
    expect(end.merged.lineage).toBe('("a" "b")');
    expect((await alone.archives("a_")).map(({ key }) => key)).toEqual([first!.key, second!.key]);
    const removing = await collect("--remove-duplicates");
    expect(removing.end.removed).toBe(0);
  });

  test("the same command goes on where a broken line ended it: nothing is fetched twice", async () => {
    await alone.clear();
    await upload("a", "b", "c");
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
    await upload("a");
    const refused = await alone.collect(["--out", file]);
    expect([refused.exit, await Bun.file(file).text()]).toEqual([2, "my notes"]);
    expect((await call(["help", "collect"])).stdout).toContain("--remove-duplicates");
  });
});
