// The commands that tell and hand out what a fleet has: get, url, jobs, archives, as users call them.
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binary, call, jsonLines, must, start } from "../support/binary.ts";
import { asOwner } from "../support/database.ts";
import { type Fleet, withFleet } from "../support/fleet.ts";
import { startProxy } from "../support/proxy.ts";
import { mountSmallDisk, unmount } from "../support/small-disk.ts";
import { keysOf, spaces } from "../support/spaces.ts";

/** A fleet that has one archive: `book`. */
async function withBook(body: (fleet: Fleet) => Promise<void>): Promise<void> {
  await withFleet(async (fleet) => {
    const { env, folder } = fleet;
    writeFileSync(join(folder, "book.txt"), "all the readers. his case of. all his, the case, readers of.\n");
    for (const args of [["submit", "book.txt"], ["worker"]]) {
      expect(await call(args, { env, cwd: folder })).toMatchObject({ exit: 0 });
    }
    await body(fleet);
  });
}

test("get replaces nothing unless it is told to, and tells what cannot be before it fetches", async () => {
  await withBook(async ({ env, folder }) => {
    const get = (...args: string[]) => call(["get", "book", ...args], { env, cwd: folder });
    const path = join(folder, "book.tar.zst");
    writeFileSync(path, "mine");
    expect(await get()).toMatchObject({ exit: 2, stderr: expect.stringContaining("is there already") });
    expect(readFileSync(path, "utf8")).toBe("mine");
    expect(await get("--force")).toMatchObject({ exit: 0 });
    expect(statSync(path).size).toBeGreaterThan(4);
    mkdirSync(join(folder, "taken.tar.zst"));
    writeFileSync(join(folder, "taken.tar.zst/file"), "");
    expect(await get("--out", "taken.tar.zst")).toMatchObject({ exit: 0 });
    expect(readdirSync(join(folder, "taken.tar.zst")).sort()).toEqual(["book.tar.zst", "file"]);
    mkdirSync(join(folder, "out/book.tar.zst"), { recursive: true });
    for (const args of [
      ["--out", "out"],
      ["--out", "out", "--force"],
      ["--out", "/dev/null", "--force"],
    ]) {
      expect(await get(...args)).toMatchObject({ exit: 2, stderr: expect.stringContaining("no file") });
    }
    for (const out of ["none/", "none/book.tar.zst"]) {
      expect(await get("--out", out)).toMatchObject({ exit: 5, stderr: expect.stringContaining("no folder none") });
    }
    expect(readdirSync(folder).filter((name) => name.includes(".tmp"))).toEqual([]);
  });
});

test("get onto a full disk leaves nothing there", async () => {
  await withBook(async ({ env, folder }) => {
    const disk = join(folder, "disk");
    if (!mountSmallDisk(disk, 4)) return;
    try {
      writeFileSync(join(disk, "full"), new Uint8Array(4096));
      const { exit, stderr } = await call(["get", "book", "--out", disk], { env });
      expect([exit, stderr]).toEqual([1, expect.stringContaining("no space left")]);
      expect(readdirSync(disk)).toEqual(["full"]);
    } finally {
      unmount(disk);
    }
  });
});

test("get that is ended while it downloads: nothing stands under the name, and the same again fetches it", async () => {
  await withBook(async ({ env, folder }) => {
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const { promise: isUnderWay, resolve } = Promise.withResolvers<void>();
      const proxy = await startProxy(spaces.endpoint, ({ method, path }) => {
        if (method !== "GET" || !path.includes("/archives/")) return null;
        resolve();
        return { kind: "slow", piece_bytes: 1 };
      });
      try {
        const { child, ended } = start(["get", "book"], {
          env: { ...env, DO_SPACES_ENDPOINT: proxy.endpoint },
          cwd: folder,
        });
        await isUnderWay;
        child.kill(signal);
        const { exit } = await ended;
        if (signal === "SIGTERM") expect(exit).toBe(130);
      } finally {
        await proxy.close();
      }
      const names = readdirSync(folder);
      expect(names).not.toContain("book.tar.zst");
      if (signal === "SIGTERM") expect(names.filter((name) => name.includes(".tmp"))).toEqual([]);
    }
    // What is like it and holds something else is not ours.
    mkdirSync(join(folder, "book.tar.zst.01234567.tmp"));
    writeFileSync(join(folder, "book.tar.zst.01234567.tmp/mine"), "");
    expect(await call(["get", "book"], { env, cwd: folder })).toMatchObject({ exit: 0 });
    const left = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
      name.startsWith("book.tar"),
    );
    expect(left.sort()).toEqual(["book.tar.zst", "book.tar.zst.01234567.tmp", "book.tar.zst.01234567.tmp/mine"]);
  });
});

test("two who get an archive to one place do not get in each other's way", async () => {
  await withBook(async ({ env, folder }) => {
    const { promise: isUnderWay, resolve } = Promise.withResolvers<void>();
    const proxy = await startProxy(spaces.endpoint, ({ method, path }) => {
      if (method !== "GET" || !path.includes("/archives/")) return null;
      resolve();
      return { kind: "slow", piece_bytes: 1 };
    });
    const halves = () => readdirSync(folder).filter((name) => name.endsWith(".tmp"));
    try {
      const { child, ended } = start(["get", "book"], {
        env: { ...env, DO_SPACES_ENDPOINT: proxy.endpoint },
        cwd: folder,
      });
      await isUnderWay;
      const [half] = halves();
      expect(half).toStartWith("book.tar.zst.");
      await must(["get", "book"], { env, cwd: folder });
      expect(halves()).toEqual([half]);
      child.kill("SIGTERM");
      expect((await ended).exit).toBe(130);
    } finally {
      await proxy.close();
    }
    expect(halves()).toEqual([]);
    expect(readdirSync(folder)).toContain("book.tar.zst");
  });
});

test("url is good for a second to seven days, as S3 has it", async () => {
  await withBook(async ({ env }) => {
    const url = (expires: string) => call(["url", "book", "--expires", expires, "--json"], { env });
    for (const [expires, expires_s] of [
      ["1s", 1],
      ["7d", 604_800],
    ] as const) {
      const { exit, stdout } = await url(expires);
      expect([exit, JSON.parse(stdout)]).toMatchObject([0, { expires_s }]);
      const signed = new URL(JSON.parse(stdout).url);
      expect(signed.searchParams.get("X-Amz-Expires")).toBe(String(expires_s));
      // A second that has begun when it is signed may be over when it is fetched.
      if (expires_s > 1) expect((await fetch(signed)).status).toBe(200);
    }
    // Told before the database is asked.
    for (const expires of ["0", "8d", "604801s", "169h"]) {
      const refused = await call(["url", "book", "--expires", expires], { env: { ...env, DATABASE_URL: "" } });
      expect(refused).toMatchObject({ exit: 2, stderr: expect.stringContaining("--expires cannot be") });
    }
  });
});

test("jobs --json tells a hundred thousand jobs, one line each and in their order", async () => {
  await withFleet(async ({ env, databaseUrl }) => {
    await asOwner(
      (sql) => sql`
        insert into jobs (id, job_type, status, name, options, size_bytes, input_path, started_at, completed_at, attempt)
        select gen_random_uuid(), 'txt_file', 'completed', 'job ' || i, '{"max_dims":2,"min_volume":1,"shard":null}', 100,
          'inputs/' || i, now(), now(), 1
        from generate_series(1, 100000) i`,
      databaseUrl,
    );
    const { exit, stdout } = await call(["jobs", "--all", "--json"], { env });
    const names = jsonLines<{ name: string }>(stdout).map(({ name }) => name);
    expect([exit, names.length]).toEqual([0, 100_000]);
    expect(names).toEqual(Array.from({ length: 100_000 }, (_, i) => `job ${i + 1}`));
    const lines = (await call(["jobs", "--all"], { env })).stdout.trimEnd().split("\n");
    expect(lines.length).toBe(100_000);
    expect((await call(["jobs"], { env })).stderr).toContain("--all lists the rest");
    // A reader that has enough of it.
    const shell = [
      "bash",
      "-c",
      'set -o pipefail; "$0" jobs --all --json | head -n 1',
      join(import.meta.dir, "../../dist/fold"),
    ];
    const first = Bun.spawn(shell, { env: { ...process.env, ...env }, stderr: "pipe" });
    expect(jsonLines(await first.stdout.text())).toMatchObject([{ name: "job 1" }]);
    expect(await first.stderr.text()).toBe("");
  });
});

test("jobs of a name are told with their attempts, one after the other, also those that are done", async () => {
  await withFleet(async ({ env, folder }) => {
    writeFileSync(join(folder, "book.txt"), "all the readers. his case of. all his, the case, readers of.\n");
    writeFileSync(join(folder, "other.txt"), "all the readers.\n");
    for (const args of [["submit", "book.txt", "--shards", "2"], ["submit", "other.txt"], ["worker"]]) {
      await must(args, { env, cwd: folder });
    }
    type Told = { id: string; name: string; runs: { outcome: string }[] };
    const told = async (job: string) => jsonLines<Told>(await must(["jobs", job, "--json"], { env }));
    const shards = await told("book");
    const runs = [{ outcome: "completed" }];
    expect(shards).toMatchObject([
      ...[1, 2].map((number) => ({ name: "book", options: { shard: { number } }, runs })),
      // The job that has joined them.
      { name: "book", job_type: "archive_merge", runs },
    ]);
    expect(await told("other")).toMatchObject([{ name: "other", runs }]);
    expect(await told(shards[1].id)).toEqual([shards[1]]);
    const lines = await must(["jobs", "book"], { env });
    expect(lines).toMatch(/^(\S+ {2}completed {2}book.*\n {2}attempt 1 .*completed .*\n){3}$/);
    const none = await call(["jobs", "nothing"], { env });
    expect([none.exit, none.stderr]).toEqual([5, expect.stringContaining("there is no job nothing")]);
  });
});

test("what programs read is called the same everywhere, in snake case", async () => {
  await withBook(async ({ env, folder }) => {
    writeFileSync(join(folder, "later.txt"), "all the readers.\n");
    const commands = [
      "submit later.txt",
      "jobs --all",
      "jobs book",
      "archives",
      "status",
      "setup",
      "db status",
      "doctor",
    ];
    const more = [
      "gc --dry-run",
      "url book",
      "get book",
      "show book",
      "verify book.tar.zst",
      "estimate book.txt --fleet",
    ];
    const told = new Map<string, Set<string>>();
    for (const command of [...commands, ...more]) {
      const { stdout } = await call([...command.split(" "), "--json"], { env, cwd: folder });
      const keys = new Set(jsonLines(stdout).flatMap(keysIn));
      expect(keys.size).toBeGreaterThan(0);
      expect([command, [...keys].filter((key) => /[A-Z]/.test(key))]).toEqual([command, []]);
      told.set(command, keys);
    }
    for (const key of ["id", "name", "size_bytes", "worker", "failures", "heartbeat_age_ms"]) {
      expect([key, told.get("jobs --all")?.has(key)]).toEqual([key, true]);
      expect([key, told.get("status")?.has(key)]).toEqual([key, true]);
    }
    for (const command of ["archives", "status", "show book"]) {
      for (const key of ["orthos", "tar_sha256"]) expect(told.get(command)?.has(key)).toBe(true);
    }
    expect(told.get("jobs book")?.has("orthos")).toBe(true);
  });
});

/** The names of all that is in a value, however deep. */
function keysIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  const inner = Object.values(value).flatMap(keysIn);
  return Array.isArray(value) ? inner : [...Object.keys(value), ...inner];
}

test("archives rm says what it lacks, and removes once what was named twice", async () => {
  await withBook(async ({ env, buckets }) => {
    expect(await call(["archives", "rm"], { env })).toMatchObject({
      exit: 2,
      stderr: expect.stringContaining("which"),
    });
    expect(await call(["archives", "list"], { env })).toMatchObject({ exit: 2 });
    const [{ id }] = jsonLines<{ id: string }>((await call(["archives", "--json"], { env })).stdout);
    const both = await call(["archives", "rm", "book", id, "--json"], { env });
    expect([both.exit, jsonLines(both.stdout)]).toEqual([0, [{ archive: "book", id, removed: true }]]);
    expect(await keysOf(buckets.results)).toEqual([]);
    expect(await call(["archives", "rm", "book"], { env })).toMatchObject({ exit: 5 });
  });
});

test("a program that is older than the tables starts nothing", async () => {
  await withFleet(async ({ env, folder, databaseUrl }) => {
    await asOwner(
      (sql) => sql`insert into fold_migrations (hash, created_at) values ('of a later version', 9000000000000)`,
      databaseUrl,
    );
    writeFileSync(join(folder, "book.txt"), "one two three.\n");
    for (const args of [["worker"], ["submit", "book.txt"], ["status"], ["jobs"], ["gc"], ["get", "book"]]) {
      const { exit, stderr } = await call(args, { env, cwd: folder });
      expect({ args, exit, stderr }).toEqual({
        args,
        exit: 1,
        stderr: expect.stringContaining("newer than this program"),
      });
    }
    expect((await call(["db", "status"], { env })).stdout).toContain("the database has 1 more");
  });
});

test("status --watch --json tells of every job and who is at it, each time that something has changed", async () => {
  await withFleet(async (fleet) => {
    const { env, folder } = fleet;
    const child = Bun.spawn([binary, "status", "--watch", "--json"], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    const told = linesOf(child.stdout);
    const next = async () => JSON.parse((await told.next()).value ?? "") as Record<string, unknown>;
    expect(await next()).toMatchObject({ waiting: 0, running: 0, done: 0, failed: 0, jobs: [], archives: [] });
    writeFileSync(join(folder, "book.txt"), "all the readers. his case of. all his, the case, readers of.\n");
    expect(await call(["submit", "book.txt"], { env, cwd: folder })).toMatchObject({ exit: 0 });
    expect(await next()).toMatchObject({ waiting: 1, jobs: [{ name: "book", state: "waiting", worker: null }] });
    await asOwner(
      (sql) => sql`select claim_job('somebody', gen_random_uuid(), null, 1000, 1000, true, null, null)`,
      fleet.databaseUrl,
    );
    expect(await next()).toMatchObject({ running: 1, jobs: [{ name: "book", state: "running", worker: "somebody" }] });
    child.kill("SIGINT");
    expect(await child.exited).toBe(130);
    expect(await child.stderr.text()).toContain("the workers go on");
  });
});

/** The lines of a stream as they come. */
async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const piece of stream) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

test("retry and cancel tell once what keeps them from all jobs, and end as it does", async () => {
  await withFleet(async ({ env, databaseUrl }) => {
    const DATABASE_URL = Object.assign(new URL(databaseUrl), { password: "wrong" }).href;
    for (const command of ["retry", "cancel"]) {
      const { exit, stderr } = await call([command, "one", "two"], { env: { ...env, DATABASE_URL } });
      expect({ exit, told: stderr.split("password refused").length - 1 }).toEqual({ exit: 4, told: 1 });
    }
  });
});
