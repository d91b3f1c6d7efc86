// fold submit: texts of all kinds, large ones, and what is left where it is ended in the middle.
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binary, call, jsonLines, must, start } from "../support/binary.ts";
import { type Fleet, withFleet } from "../support/fleet.ts";
import { startProxy } from "../support/proxy.ts";
import { mountSmallDisk, unmount } from "../support/small-disk.ts";
import { isSignature, spaces } from "../support/spaces.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** Words that fill so many bytes, and begin with a line of one's own. */
function textOf(size_bytes: number, line: string): Buffer {
  const bytes = Buffer.alloc(size_bytes, "the whale of the sea, and the sea of the whale.\n");
  bytes.write(`${line}\n`);
  return bytes;
}

/** The most memory that a process has taken so far, in kB, where the system tells. */
function peakOf(pid: number): number {
  try {
    return Number(/^VmHWM:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

async function inputsOf({ buckets }: Fleet): Promise<{ size_bytes: number; key: string }[]> {
  const found: { size_bytes: number; key: string }[] = [];
  for await (const page of buckets.input.list("")) found.push(...page);
  return found.filter(({ key }) => !isSignature(key));
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

test("texts that are many and small are not in memory together, and all go up as they are", async () => {
  await withFleet(async (fleet) => {
    const { env, folder } = fleet;
    const count = 250;
    mkdirSync(join(folder, "texts"));
    for (let i = 0; i < count; i++) writeFileSync(join(folder, `texts/${i}.txt`), textOf(1 << 20, `text ${i}`));
    const child = Bun.spawn([binary, "submit", "texts", "--quiet"], { cwd: folder, env: { ...process.env, ...env } });
    // What wait() tells begins with the memory of whoever has started it.
    let peak_kb = 0;
    while (child.exitCode === null) {
      peak_kb = Math.max(peak_kb, peakOf(child.pid));
      await Bun.sleep(20);
    }
    expect(await child.exited).toBe(0);
    // Of 262 MB; the program alone takes 60 MB.
    expect(peak_kb).toBeLessThan(320e3);
    const sent = new Map((await inputsOf(fleet)).map(({ key, size_bytes }) => [key, size_bytes]));
    expect(sent.size).toBe(count);
    for (const i of [0, 99, count - 1]) {
      expect(sent.get(`inputs/${sha256(textOf(1 << 20, `text ${i}`))}.txt`)).toBe(1 << 20);
    }
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
    const device = await call(["submit", "good.txt", "/dev/null"], { env, cwd: folder });
    expect([device.exit, device.stderr]).toEqual([
      1,
      expect.stringContaining("/dev/null is a device and holds no words"),
    ]);
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

test("a large text from a pipe goes up in parts, from a copy on the disk, and is the job that its file is", async () => {
  await withFleet(async (fleet) => {
    const { env, folder, buckets } = fleet;
    const size_bytes = 256 << 20;
    writeFileSync(join(folder, "large.txt"), textOf(size_bytes, "from a pipe"));
    const temporary = join(folder, "temporary");
    mkdirSync(temporary);
    let [peak_bytes, pid] = [0, 0];
    const modes: number[] = [];
    const proxy = await startProxy(spaces.endpoint, ({ method, path }) => {
      // The last of the upload, when nothing more is to be read.
      if (method !== "POST" || !path.includes("uploadId=")) return null;
      peak_bytes = Number(/VmHWM:\s*(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
      const [copies] = readdirSync(temporary);
      for (const path of [copies, join(copies, ...readdirSync(join(temporary, copies)))]) {
        modes.push(statSync(join(temporary, path)).mode & 0o777);
      }
      return null;
    });
    try {
      const shell = `cat large.txt | { echo $BASHPID; exec "$0" submit - --name large --json; }`;
      const child = Bun.spawn(["bash", "-c", shell, binary], {
        cwd: folder,
        stdout: "pipe",
        env: { ...process.env, ...env, TMPDIR: temporary, DO_SPACES_ENDPOINT: proxy.endpoint },
      });
      let said = "";
      for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
        said += piece;
        pid ||= Number.parseInt(said, 10);
      }
      const piped = jsonLines<{ jobs: { job: string }[] }>(said.slice(said.indexOf("{")))[0];
      expect(piped).toMatchObject({ text: "large", size_bytes, uploaded: true, jobs: [{ new: true }] });
      const [again] = jsonLines(await must(["submit", "large.txt", "--json"], { env, cwd: folder }));
      expect(again).toMatchObject({ uploaded: false, jobs: [{ job: piped.jobs[0].job, new: false }] });
    } finally {
      await proxy.close();
    }
    expect([modes, readdirSync(temporary)]).toEqual([[0o700, 0o600], []]);
    expect(peak_bytes).toBeGreaterThan(0);
    expect(peak_bytes).toBeLessThan(size_bytes);
    const [{ key }] = await inputsOf(fleet);
    expect((await buckets.input.head(key))?.etag).toMatch(/-32$/);
  });
});

test("stopped while a pipe is read, or nobody has opened it: nothing is sent, and no copy is left", async () => {
  await withFleet(async (fleet) => {
    const { env, folder } = fleet;
    const temporary = join(folder, "temporary");
    mkdirSync(temporary);
    if (!Bun.spawnSync(["mkfifo", "pipe"], { cwd: folder }).success) throw new Error("no pipe could be made");
    for (const from of ["-", "pipe"]) {
      const child = Bun.spawn([binary, "submit", from], {
        cwd: folder,
        stdin: "pipe",
        stderr: "pipe",
        env: { ...process.env, ...env, TMPDIR: temporary },
      });
      child.stdin.write("all the readers.\n");
      await child.stdin.flush();
      await fleet.until(async () => readdirSync(temporary, { recursive: true }).length === 2);
      child.kill("SIGINT");
      expect(await child.stderr.text()).toContain(
        `stopped while ${from === "-" ? "the standard input" : from} was read`,
      );
      expect([await child.exited, readdirSync(temporary)]).toEqual([130, []]);
    }
    expect(await inputsOf(fleet)).toEqual([]);
  });
});

test("left at once while a copy goes up: it is removed all the same", async () => {
  await withFleet(async (fleet) => {
    const { env, folder } = fleet;
    const temporary = join(folder, "temporary");
    mkdirSync(temporary);
    const { promise: isUnderWay, resolve } = Promise.withResolvers<void>();
    const proxy = await startProxy(spaces.endpoint, ({ method }) => {
      if (method !== "PUT") return null;
      resolve();
      return { kind: "stall" };
    });
    try {
      const { child, ended } = start(["submit", "-"], {
        input: textOf(2 << 20, "left"),
        env: { ...env, TMPDIR: temporary, DO_SPACES_ENDPOINT: proxy.endpoint },
      });
      await isUnderWay;
      expect(readdirSync(temporary)).toHaveLength(1);
      child.kill("SIGINT");
      child.kill("SIGTERM");
      expect((await ended).exit).toBe(130);
    } finally {
      await proxy.close();
    }
    expect(readdirSync(temporary)).toEqual([]);
  });
});

test("a pipe of what cannot be folded, or no room for its copy, is told with its reason", async () => {
  await withFleet(async (fleet) => {
    const { env, folder } = fleet;
    const wrong = textOf(3 << 20, "whale");
    wrong[2_500_000] = 0xff;
    const inputs: [Uint8Array, string][] = [
      [wrong, "the standard input, from byte "],
      [new Uint8Array([0x61, 0xff]), "the standard input is not UTF-8"],
      [Buffer.alloc(3 << 20, "1234 5678.\n"), "the standard input holds no words"],
      [new Uint8Array(0), "the standard input holds no words"],
    ];
    for (const [input, message] of inputs) {
      expect(await call(["submit", "-"], { env, input })).toMatchObject({
        exit: 1,
        stderr: expect.stringContaining(message),
      });
    }
    const disk = join(folder, "disk");
    if (mountSmallDisk(disk, 1024)) {
      try {
        const { exit, stderr } = await call(["submit", "-"], {
          env: { ...env, TMPDIR: disk },
          input: textOf(3 << 20, "whale"),
        });
        expect([exit, stderr]).toEqual([1, expect.stringMatching(/no space left(.|\n)*set TMPDIR/)]);
        expect(readdirSync(disk)).toEqual([]);
      } finally {
        unmount(disk);
      }
    }
    const none = await call(["submit", "-"], { env: { ...env, TMPDIR: join(folder, "none") }, input: "all.\n" });
    expect([none.exit, none.stderr]).toEqual([5, expect.stringContaining("cannot create a folder in")]);
    expect(await inputsOf(fleet)).toEqual([]);
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
    // What submit tells to look at.
    expect(await must(["jobs", "book"], { env })).toMatch(/^\S+ {2}failed {2}book .*\n {2}attempt 0 .*cancelled/);
    expect((await submit()).stdout).toContain(
      "submitted before, 1 put aside: `fold jobs book` tells why, `fold retry book`",
    );
    const link = join(folder, "orthofold");
    symlinkSync(binary, link);
    const linked = Bun.spawn([link, "submit", "book.txt"], { cwd: folder, env: { ...process.env, ...env } });
    expect(await linked.stdout.text()).toContain("`orthofold jobs book` tells why, `orthofold retry book`");
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
      const put = proxy.seen.filter(({ method, path }) => method === "PUT" && path.endsWith(".txt"));
      expect(put.length).toBe(1);
    } finally {
      await proxy.close();
    }
  });
});
