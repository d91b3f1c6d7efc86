// fold submit: texts of all kinds, large ones, and what is left where it is ended in the middle.
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { call, jsonLines, start } from "../support/binary.ts";
import { type Fleet, withFleet } from "../support/fleet.ts";
import { startProxy } from "../support/proxy.ts";
import { spaces } from "../support/spaces.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** Words that fill so many bytes, and begin with a line of one's own. */
function textOf(size_bytes: number, line: string): Buffer {
  const bytes = Buffer.alloc(size_bytes, "the whale of the sea, and the sea of the whale.\n");
  bytes.write(`${line}\n`);
  return bytes;
}

async function inputsOf({ buckets }: Fleet): Promise<{ size_bytes: number; key: string }[]> {
  const found: { size_bytes: number; key: string }[] = [];
  for await (const page of buckets.input.list("")) found.push(...page);
  return found;
}

test("a large file is looked through piece by piece, and goes up as it is", async () => {
  await withFleet(async (fleet) => {
    const { env, folder, buckets } = fleet;
    // Characters of two, three and four bytes at every border between pieces.
    const bytes = Buffer.alloc((5 << 20) + 11, "é€𝒳 whale ");
    const end = bytes.lastIndexOf(" ");
    const text = bytes.subarray(0, end);
    writeFileSync(join(folder, "large.txt"), text);
    const [told] = jsonLines((await call(["submit", "large.txt", "--json"], { env, cwd: folder })).stdout);
    expect(told).toMatchObject({ text: "large", size_bytes: text.length, uploaded: true });
    expect(await buckets.input.head(`inputs/${sha256(text)}.txt`)).toMatchObject({
      size_bytes: text.length,
      sha256: sha256(text),
    });
    const [again] = jsonLines((await call(["submit", "large.txt", "--json"], { env, cwd: folder })).stdout);
    expect(again).toMatchObject({ uploaded: false, jobs: [{ new: false }] });
  });
});

test("what cannot be folded is refused with its place, and nothing is sent", async () => {
  await withFleet(async (fleet) => {
    const { env, folder } = fleet;
    const wrong = textOf(3 << 20, "whale");
    wrong[2_500_000] = 0xff;
    const files: [string, Uint8Array, string][] = [
      ["wrong.txt", wrong, "byte 0xff at byte offset "],
      ["cut.txt", Buffer.concat([textOf(2 << 20, "whale"), Buffer.from([0xe2, 0x82])]), "at byte offset "],
      ["wordless.txt", Buffer.alloc(3 << 20, "1234 5678.\n"), "holds no words"],
      ["empty.txt", Buffer.alloc(0), "holds no words"],
    ];
    writeFileSync(join(folder, "good.txt"), "one two.\n");
    for (const [name, bytes, message] of files) {
      writeFileSync(join(folder, name), bytes);
      const { exit, stderr } = await call(["submit", "good.txt", name], { env, cwd: folder });
      expect([name, exit, stderr]).toEqual([name, 1, expect.stringContaining(message)]);
    }
    const { stderr } = await call(["submit", "wrong.txt"], { env, cwd: folder });
    const [, from, offset] = /from byte (\d+) on, is not UTF-8: byte 0xff at byte offset (\d+)/.exec(stderr) ?? [];
    expect(Number(from) + Number(offset)).toBe(2_500_000);
    mkdirSync(join(folder, "none"));
    expect(await call(["submit", "none"], { env, cwd: folder })).toMatchObject({ exit: 1 });
    expect(await call(["submit", "missing.txt"], { env, cwd: folder })).toMatchObject({ exit: 5 });
    mkdirSync(join(folder, "twice/a"), { recursive: true });
    mkdirSync(join(folder, "twice/b"), { recursive: true });
    for (const place of ["a", "b"]) writeFileSync(join(folder, "twice", place, "book.txt"), `one ${place}.\n`);
    const twice = await call(["submit", "twice"], { env, cwd: folder });
    expect([twice.exit, twice.stderr]).toEqual([2, expect.stringContaining("one after the other with --name")]);
    expect(await inputsOf(fleet)).toEqual([]);
    expect((await call(["jobs", "--all", "--json"], { env })).stdout).toBe("");
  });
});

test("from a pipe, whatever its size", async () => {
  await withFleet(async (fleet) => {
    const { env, folder } = fleet;
    for (const size_bytes of [100, 40 << 20]) {
      const input = textOf(size_bytes, `number ${size_bytes}`);
      const { exit, stdout } = await call(["submit", "-", "--name", `of-${size_bytes}`, "--json"], { env, input });
      expect([exit, jsonLines(stdout)]).toMatchObject([0, [{ text: `of-${size_bytes}`, size_bytes }]]);
      // The same from a pipe that has the name of a file.
      const fifo = `exec 3< <(cat); exec "$0" submit /dev/fd/3 --name of-${size_bytes} --json`;
      const child = Bun.spawn(["bash", "-c", fifo, join(import.meta.dir, "../../dist/fold")], {
        cwd: folder,
        stdin: input,
        env: { ...process.env, ...env },
      });
      expect(jsonLines(await child.stdout.text())).toMatchObject([{ uploaded: false, jobs: [{ new: false }] }]);
    }
    expect((await inputsOf(fleet)).map(({ size_bytes }) => size_bytes).sort((a, b) => a - b)).toEqual([100, 40 << 20]);
  });
});

test("killed while it uploads: no job is there, and the same again makes it", async () => {
  await withFleet(async (fleet) => {
    const { env, folder, buckets } = fleet;
    const text = textOf(48 << 20, "killed");
    writeFileSync(join(folder, "book.txt"), text);
    const { promise: isUnderWay, resolve } = Promise.withResolvers<void>();
    const proxy = await startProxy(spaces.endpoint, ({ path }) => {
      if (!path.includes("partNumber=4")) return null;
      resolve();
      return { kind: "stall" };
    });
    try {
      const { child, ended } = start(["submit", "book.txt"], {
        env: { ...env, DO_SPACES_ENDPOINT: proxy.endpoint },
        cwd: folder,
      });
      await isUnderWay;
      child.kill("SIGKILL");
      await ended;
    } finally {
      await proxy.close();
    }
    expect((await call(["jobs", "--all", "--json"], { env })).stdout).toBe("");
    expect(await inputsOf(fleet)).toEqual([]);
    const [told] = jsonLines((await call(["submit", "book.txt", "--json"], { env, cwd: folder })).stdout);
    expect(told).toMatchObject({ uploaded: true, jobs: [{ new: true }] });
    expect(await buckets.input.head(`inputs/${sha256(text)}.txt`)).toMatchObject({ sha256: sha256(text) });
    // What the killed one has left is no object, and goes.
    expect((await call(["gc", "--grace", "0", "--json"], { env })).stdout).toContain('"uploads":1');
  });
});

test("a job that was put aside before is told, and a text that was collected meanwhile is sent again", async () => {
  await withFleet(async (fleet) => {
    const { env, folder } = fleet;
    writeFileSync(join(folder, "book.txt"), "all the readers. his case of.\n");
    const submit = (...args: string[]) => call(["submit", "book.txt", ...args], { env, cwd: folder });
    expect((await submit()).stdout).not.toContain("before");
    expect((await submit()).stdout).toMatch(/; submitted before\n$/);
    expect(await call(["cancel", "book"], { env })).toMatchObject({ exit: 0 });
    expect((await submit()).stdout).toContain(
      "submitted before, 1 put aside: `fold jobs` tells why, `fold retry book`",
    );
    const [told] = jsonLines((await submit("--json")).stdout);
    expect(told).toMatchObject({ uploaded: false, jobs: [{ new: false, status: "failed" }] });
    let heads = 0;
    const proxy = await startProxy(spaces.endpoint, ({ method, path }) => {
      // It is found once, and gone when the job is queued.
      if (method === "HEAD" && path.includes("/inputs/")) heads++;
      return method === "HEAD" && path.includes("/inputs/") && heads === 2 ? { kind: "status", status: 404 } : null;
    });
    try {
      const [again] = jsonLines(
        (
          await call(["submit", "book.txt", "--json"], {
            env: { ...env, DO_SPACES_ENDPOINT: proxy.endpoint },
            cwd: folder,
          })
        ).stdout,
      );
      expect(again).toMatchObject({ uploaded: false });
      expect(proxy.seen.filter(({ method }) => method === "PUT").length).toBe(1);
    } finally {
      await proxy.close();
    }
  });
});
