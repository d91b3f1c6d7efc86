// Workers without coordination: whatever happens to them, each uploads what `fold run` would have made, or nothing.
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Alone, linesOf } from "../support/alone.ts";
import { call, report } from "../support/binary.ts";
import { startProxy } from "../support/proxy.ts";
import { sampleText } from "../support/sample.ts";
import { spaces } from "../support/spaces.ts";

const alone = await Alone.make();
/** Three dimensions make the sample text a second's work, in many tasks. */
const DIMENSIONS = ["--max-dims", "3"];

/** What `fold run` makes of the sample text. */
async function expectedOf(...args: readonly string[]) {
  const text = join(alone.folder, "log.txt");
  writeFileSync(text, sampleText);
  return await report(["run", text, "--out", join(alone.folder, "expected"), "--fresh", ...args]);
}

/** How many finished parts an attempt has on a machine. */
function partsOf(machine: string): number {
  const jobs = join(alone.machine(machine), "spaces");
  if (!existsSync(jobs)) return 0;
  const paths = readdirSync(jobs, { recursive: true, encoding: "utf8" });
  return paths.filter((path) => /archive\.tar\.zst\.work\/.*\.zst$/.test(path)).length;
}

describe("two workers on one input", () => {
  test("one of them killed and started again: equal archives, and equal to fold run's", async () => {
    await alone.clear();
    await alone.put("log.txt", sampleText);
    const expected = await expectedOf(...DIMENSIONS);
    const args = ["--input", "log.txt", "--threads", "1", ...DIMENSIONS];
    const killed = alone.start("first", args);
    while (partsOf("first") < 3 && killed.child.exitCode === null) await Bun.sleep(2);
    killed.child.kill("SIGKILL");
    await killed.ended;
    expect(killed.child.signalCode).toBe("SIGKILL");
    expect(await alone.archives()).toEqual([]);
    const [again, other] = await Promise.all([alone.start("first", args).ended, alone.start("second", args).ended]);
    expect([again.exit, other.exit]).toEqual([0, 0]);
    // It knows what it had finished before.
    expect(again.stderr).toMatch(/going on: \d+ of \d+ tasks were done before/);
    expect(other.stderr).not.toContain("going on");
    const archives = await alone.archives();
    expect(archives.map(({ facts }) => facts.tar_sha256)).toEqual([
      expected.tar_sha256,
      expected.tar_sha256,
    ] as string[]);
    expect(archives[0]?.facts).toEqual(archives[1]?.facts as never);
    for (const { key } of archives) expect(key).toMatch(/^log\.max-dims-3_\d{8}T\d{9}Z_[0-9a-f]{8}\.tar\.zst$/);
    expect(readdirSync(join(alone.machine("first"), "spaces"))).toEqual(["state.db"]);
  });

  test("on one machine: each has a folder of its own while the other is alive", async () => {
    await alone.clear();
    await alone.put("log.txt", sampleText);
    const args = ["--input", "log.txt", "--threads", "1", ...DIMENSIONS];
    const [a, b] = await Promise.all([alone.start("shared", args).ended, alone.start("shared", args).ended]);
    expect([a.exit, b.exit]).toEqual([0, 0]);
    const archives = await alone.archives();
    expect(archives.length).toBe(2);
    expect(new Set(archives.map(({ facts }) => facts.tar_sha256)).size).toBe(1);
  });

  test("a worker that is stopped gives its work back to the next, and uploads nothing", async () => {
    await alone.clear();
    await alone.put("log.txt", sampleText);
    const args = ["--input", "log.txt", "--threads", "1", ...DIMENSIONS];
    const stopped = alone.start("patient", args);
    while (partsOf("patient") < 3 && stopped.child.exitCode === null) await Bun.sleep(2);
    stopped.child.kill("SIGTERM");
    expect((await stopped.ended).exit).toBe(130);
    expect(await alone.archives()).toEqual([]);
    const next = await alone.start("patient", args).ended;
    expect([next.exit, next.stderr]).toEqual([0, expect.stringContaining("going on")]);
    expect((await alone.archives()).length).toBe(1);
  });
});

describe("a worker of one input", () => {
  test("--mode cloud-worker with INPUT_FILE, shards and other options, each as fold run makes it", async () => {
    await alone.clear();
    await alone.put("logs/log.txt", sampleText);
    const env = alone.environment("old", { INPUT_FILE: "logs/log.txt" });
    const ended = await call(["--mode", "cloud-worker", "--json"], { env });
    expect([ended.exit, linesOf(ended).map(({ event }) => event)]).toEqual([0, ["done", "end"]]);
    const shard = await alone.fold("old", "logs/log.txt", "--shard", "2/3", "--min-volume", "2");
    const [whole, part] = await alone.archives();
    expect([part?.facts.tar_sha256, whole?.facts.tar_sha256]).toEqual([
      linesOf(ended)[0]?.tar_sha256 as string,
      shard.tar_sha256 as string,
    ]);
    const { facts } = whole!;
    expect(facts).toMatchObject({
      name: "logs/log.min-volume-2.shard-2-of-3",
      lineage: '("logs/log" 2/3)',
      options: { max_dims: 2, min_volume: 2, shard: { number: 2, of: 3 } },
      input: "logs/log.txt",
      input_sha256: new Bun.CryptoHasher("sha256").update(sampleText).digest("hex"),
      orthos: shard.orthos,
    });
  });

  test("the network is left alone between the download and the upload", async () => {
    await alone.clear();
    await alone.put("log.txt", sampleText);
    const folding: string[] = [];
    let isUploading = false;
    const proxy = await startProxy(spaces.endpoint, ({ method, path }) => {
      if (method === "PUT") isUploading = true;
      if (!isUploading) folding.push(`${method} ${path.replace(/\?.*/, "")}`);
      return null;
    });
    try {
      const env = { DO_SPACES_ENDPOINT: proxy.endpoint, HEARTBEAT_INTERVAL: "0.05" };
      const { exit } = await alone.start("far", ["--input", "log.txt", ...DIMENSIONS], env).ended;
      expect(exit).toBe(0);
    } finally {
      await proxy.close();
    }
    const bucket = `/${alone.input.name}`;
    // Is there a place for the archive, is the text there, which version, of what hash, the bytes; nothing while it folds.
    expect(folding).toEqual([
      `HEAD /${alone.results.name}/`,
      ...[`GET ${bucket}/`, `GET ${bucket}/`],
      ...[`HEAD ${bucket}/log.txt`, `HEAD ${bucket}/log.txt`, `GET ${bucket}/log.txt`],
    ]);
  });

  test("an archive that could not be uploaded is not folded again", async () => {
    await alone.clear();
    await alone.put("log.txt", sampleText);
    const proxy = await startProxy(spaces.endpoint, ({ method }) => {
      return method === "PUT" ? { kind: "status", status: 403 } : null;
    });
    const args = ["--input", "log.txt", ...DIMENSIONS];
    const refused = await alone.start("cut-off", args, { DO_SPACES_ENDPOINT: proxy.endpoint }).ended;
    await proxy.close();
    expect(refused.exit).toBe(4);
    expect(await alone.archives()).toEqual([]);
    const left = readdirSync(join(alone.machine("cut-off"), "spaces"), { recursive: true, encoding: "utf8" });
    expect(left.map((path) => path.replace(/^.*\.free\//, "")).filter((path) => path.startsWith("archive"))).toEqual([
      "archive.tar.zst",
    ]);
    const next = await alone.start("cut-off", args).ended;
    // Neither walked nor gone on with: it was whole.
    expect([next.exit, next.stderr.includes("going on")]).toEqual([0, false]);
    expect((await alone.archives())[0]?.facts.tar_sha256).toBe((await expectedOf(...DIMENSIONS)).tar_sha256 as string);
  });

  test("killed after its upload and before it knew: the next one overwrites that archive", async () => {
    await alone.clear();
    await alone.put("log.txt", sampleText);
    const { promise: isUploaded, resolve } = Promise.withResolvers<void>();
    let isPut = false;
    const proxy = await startProxy(spaces.endpoint, ({ method }) => {
      if (method === "PUT") isPut = true;
      if (method === "PUT") return { kind: "lose" };
      if (!isPut) return null;
      // It asks what became of it.
      resolve();
      return { kind: "stall" };
    });
    const { child, ended } = alone.start("unlucky", ["--input", "log.txt"], { DO_SPACES_ENDPOINT: proxy.endpoint });
    await Promise.race([isUploaded, ended]);
    child.kill("SIGKILL");
    await ended;
    await proxy.close();
    const [first, ...others] = await alone.archives();
    expect([first?.facts.name, others]).toEqual(["log", []]);
    expect((await alone.start("unlucky", ["--input", "log.txt"]).ended).exit).toBe(0);
    expect((await alone.archives()).map(({ key }) => key)).toEqual([first!.key]);
  });

  test("mistakes are told with what to do", async () => {
    await alone.clear();
    await alone.input.put("bytes.txt", new Uint8Array([0x66, 0xff, 0xfe]));
    const attempts: [readonly string[], number, string][] = [
      [["--input", "nothing.txt"], 5, 'there is no "nothing.txt" in the bucket'],
      [[], 2, "give --input KEY, or set INPUT_FILE"],
      [["--input", "bytes.txt", "--merge"], 2, "`fold collect` merges"],
      [["--input", "bytes.txt", "--stay"], 2, "--stay is for workers that share their jobs"],
      [["--input", "bytes.txt"], 3, "1 job failed"],
    ];
    for (const [args, exit, message] of attempts) {
      const ended = await alone.start("mistaken", args).ended;
      expect({ args, exit: ended.exit, stderr: ended.stderr }).toEqual({
        args,
        exit,
        stderr: expect.stringContaining(message),
      });
    }
    const env = alone.environment("mistaken");
    expect((await call(["worker", "--backend", "cloud", "--input", "x"], { env })).stderr).toContain(
      "is for --backend spaces",
    );
    expect((await call(["--mode", "spaces"], { env })).stderr).toContain("worker --backend spaces --input KEY");
  });
});
