// Workers on a state directory, as users start them.
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Status } from "../../src/cli/status.ts";
import { call, report, start } from "../support/binary.ts";
import { halfOfSample, sampleText } from "../support/sample.ts";
import { mountSmallDisk, resizeDisk, unmount } from "../support/small-disk.ts";
import { withFolder } from "../support/temporary.ts";

const QUICK = { HEARTBEAT_INTERVAL: "0.2", HEARTBEAT_GRACE_PERIOD: "1" };
const texts: Readonly<Record<string, string>> = {
  "log.txt": sampleText,
  "small/tale.txt": "the old man sat. the young man ran. old men sat. sat there, ran here. young men ran.",
  "a 'quoted\" näme.txt": "all the readers. his case of. all his, the case, readers of.",
};
/** Three dimensions make the sample a second's work. */
const DEEP = ["--max-dims", "3"];

/** Runs `body` with a state directory whose texts wait. */
function withTexts<T>(files: Readonly<Record<string, string | Uint8Array>>, body: (state: string) => Promise<T>) {
  return withFolder(async (folder) => {
    const state = join(folder, "state");
    for (const [path, text] of Object.entries(files)) put(state, path, text);
    return await body(state);
  });
}

function put(state: string, path: string, text: string | Uint8Array): void {
  const file = join(state, "input", path);
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, text);
}

async function statusOf(state: string): Promise<Status & Record<"waiting" | "running" | "done" | "failed", number>> {
  const { stdout } = await call(["status", "--json", "--state-dir", state]);
  return JSON.parse(stdout);
}

/** Lines of --json output. */
function events(stdout: string): Record<string, unknown>[] {
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await Bun.sleep(20);
}

/** Whether a job is being worked on, with parts that are done. */
function hasParts(state: string): boolean {
  const folder = join(state, "in_process");
  return (
    existsSync(folder) && readdirSync(folder, { recursive: true, encoding: "utf8" }).some((f) => f.endsWith(".zst"))
  );
}

describe("fold work", () => {
  test("an archive that cannot be read is named, and never left out of a merge without a word", async () => {
    await withTexts({ "a.txt": "one two.", "b.txt": "three four.", "c.txt": "five six." }, async (state) => {
      expect((await call(["work", "--state-dir", state])).exit).toBe(0);
      truncateSync(join(state, "archives/b.tar.zst"), 300);
      const merged = await call(["work", "--merge", "--state-dir", state]);
      expect({
        exit: merged.exit,
        told: merged.stderr.includes("1 archive could not be read and is not merged: b"),
      }).toEqual({
        exit: 3,
        told: true,
      });
      const { done, damaged } = await statusOf(state);
      expect({ done, damaged }).toMatchObject({ done: 1, damaged: [{ name: "b", code: "corrupt" }] });
      const { stdout } = await call(["status", "--state-dir", state]);
      expect(stdout).toMatch(/cannot be read\n {2}b {2}.*b\.tar\.zst/);
      const shown = await call(["show", "b", "--state-dir", state]);
      expect(shown.exit).toBe(1);
      expect(shown.stderr).not.toContain("no such file");
    });
  });

  test("leaves archives that fold merge takes by their names, folders and all", async () => {
    const small = { "book/1.txt": texts["small/tale.txt"], "book/2.txt": "the old men ran. all sat there." };
    await withTexts(small, async (state) => {
      expect((await call(["work", "--quiet", "--state-dir", state])).exit).toBe(0);
      const merged = await report([
        "merge",
        "book/1",
        "book/2",
        "--state-dir",
        state,
        "--out",
        join(state, "..", "out"),
      ]);
      expect([merged.text, merged.lineage]).toEqual(["book-1+book-2", '("book/1" "book/2")']);
    });
  });

  test("folds every text into the archive that fold run makes, and empties input/", async () => {
    await withTexts(texts, async (state) => {
      const { exit, stdout } = await call(["work", "--json", "--state-dir", state]);
      expect(exit).toBe(0);
      const done = events(stdout).filter(({ event }) => event === "done");
      expect(done.map(({ name }) => name).sort()).toEqual(["a 'quoted\" näme", "log", "small/tale"]);
      expect(events(stdout).at(-1)).toMatchObject({
        event: "end",
        done: 3,
        failed: 0,
        lost: 0,
        too_large: [],
        unmerged: 0,
        unreadable: [],
      });
      const text = join(state, "..", "log.txt");
      writeFileSync(text, sampleText);
      const alone = await report(["run", text, "--out", join(state, "..", "alone")]);
      expect(done.find(({ name }) => name === "log")?.tar_sha256).toBe(alone.tar_sha256);
      expect(await statusOf(state)).toMatchObject({ waiting: 0, running: 0, done: 3, failed: 0 });
      expect(readdirSync(join(state, "in_process"))).toEqual([]);
    });
  });

  test("--merge leaves one archive that equals all texts folded in one go", async () => {
    await withTexts(texts, async (state) => {
      const all = await report(["run", join(state, "input"), "--merge", "--out", join(state, "..", "all")]);
      // Two at once: one of them may have to wait for the other's archives.
      const both = await Promise.all([1, 2].map(() => call(["work", "--merge", "--quiet", "--state-dir", state])));
      expect(both.map(({ exit }) => exit)).toEqual([0, 0]);
      const { archives, done } = await statusOf(state);
      expect(done).toBe(1);
      const merged = await report(["show", archives[0].name, "--state-dir", state]);
      expect(merged.content_sha256).toBe(all.content_sha256);
      expect([...merged.lineage.matchAll(/[()]/g)]).toHaveLength(4);
    });
  });

  test("a text that cannot be folded is put aside with the reason, the rest goes on, exit code 3", async () => {
    const bad = new Uint8Array([0x61, 0xff]);
    await withTexts({ "bad.txt": bad, "empty.txt": " . ", "good.txt": sampleText }, async (state) => {
      const { exit, stderr } = await call(["work", "--state-dir", state]);
      expect(exit).toBe(3);
      expect(stderr).toContain("2 jobs failed and were put aside");
      expect(readFileSync(join(state, "failed", "bad.txt"))).toEqual(Buffer.from(bad));
      const reason = JSON.parse(readFileSync(join(state, "failed", "bad.txt.error.json"), "utf8"));
      expect(reason).toMatchObject({ code: "not_utf8" });
      expect(reason.message).toContain("byte offset 1");
      const { jobs, done } = await statusOf(state);
      expect(done).toBe(1);
      expect(jobs.map(({ name, state: now }) => `${name} ${now}`).sort()).toEqual(["bad failed", "empty failed"]);
    });
  });

  test("an archive of many bytes becomes objects, one of few stays a file; both are read by their names", async () => {
    await withTexts(texts, async (state) => {
      await call(["work", "--quiet", "--state-dir", state], { env: { FOLD_WHOLE_BELOW: "20000" } });
      const files = readdirSync(join(state, "archives"), { recursive: true, encoding: "utf8" });
      expect(files).toContain("log.json");
      expect(files).toContain("small/tale.tar.zst");
      for (const name of ["log", "small/tale"]) {
        expect((await call(["verify", name, "--state-dir", state])).exit).toBe(0);
      }
    });
  });

  test("nothing to do is no error", async () => {
    await withFolder(async (folder) => {
      expect((await call(["work"], { cwd: folder })).exit).toBe(0);
      expect((await call(["--mode", "local"], { cwd: folder })).exit).toBe(0);
      expect(readdirSync(join(folder, "fold_state")).sort()).toEqual([
        "archives",
        "failed",
        "in_process",
        "input",
        "logs",
      ]);
    });
  });

  test("one job by its id, one job of any, and then the end", async () => {
    await withTexts(texts, async (state) => {
      const job = (await statusOf(state)).jobs.find(({ name }) => name === "log");
      const one = await call(["work", "--json", "--job-id", job?.id ?? "", "--state-dir", state]);
      expect(events(one.stdout)[0]).toMatchObject({ event: "done", name: "log" });
      const other = await call(["work", "--json", "--mode", "one-shot", "--state-dir", state]);
      expect(events(other.stdout)).toHaveLength(2);
      expect(await statusOf(state)).toMatchObject({ waiting: 1, done: 2 });
      const missing = await call(["work", "--job-id", "no-such-job", "--state-dir", state]);
      expect(missing.exit).toBe(5);
      expect(missing.stderr).toContain("there is no job no-such-job");
    });
  });

  test("without a terminal: log lines with fields, and the same in logs/", async () => {
    await withTexts({ "log.txt": sampleText }, async (state) => {
      const { stderr } = await call(["work", "--state-dir", state], { env: { WORKER_ID: "droplet 7" } });
      expect(stderr).toMatch(/^\S+Z info "log: 54,755 orthos in [^"]+" event=done job=log-\w+ name=log attempt=1 /m);
      const [file] = readdirSync(join(state, "logs"));
      expect(file).toMatch(/^[\dT-]+-droplet_7-[0-9a-f]{8}\.jsonl$/);
      const logged = events(readFileSync(join(state, "logs", file), "utf8"));
      expect(logged.map(({ event }) => event)).toEqual(["claimed", "done"]);
    });
  });
});

describe("a worker that is ended", () => {
  test("SIGTERM: the job waits again at once, and the next worker goes on from what was done", async () => {
    await withTexts({ "log.txt": halfOfSample }, async (state) => {
      const { child, ended } = start(["work", ...DEEP, "--state-dir", state]);
      await until(() => hasParts(state) || child.exitCode !== null);
      child.kill("SIGTERM");
      const { exit, stderr } = await ended;
      expect(exit).toBe(130);
      expect(stderr).toContain("what was done is kept");
      expect(await statusOf(state)).toMatchObject({ waiting: 1, running: 0 });
      const next = await call(["work", ...DEEP, "--state-dir", state]);
      expect(next.exit).toBe(0);
      expect(next.stderr).toContain("were done before");
      expect(next.stderr).toContain("attempt=2");
    });
  });

  test("kill -9: its job is free after the grace period, and ends with the same archive", async () => {
    await withTexts({ "log.txt": halfOfSample }, async (state) => {
      const whole = await report([
        "run",
        join(state, "input", "log.txt"),
        ...DEEP,
        "--out",
        join(state, "..", "whole"),
      ]);
      const { child, ended } = start(["work", ...DEEP, "--state-dir", state], { env: QUICK });
      await until(() => hasParts(state) || child.exitCode !== null);
      child.kill("SIGKILL");
      await ended;
      const { stdout, exit } = await call(["work", ...DEEP, "--json", "--state-dir", state], { env: QUICK });
      expect(exit).toBe(0);
      expect(events(stdout)[0]).toMatchObject({ event: "done", attempt: 2, tar_sha256: whole.tar_sha256 });
    });
  });

  test("suspended past the grace period, it wakes up to find its job gone, and harms nothing", async () => {
    await withTexts({ "log.txt": halfOfSample }, async (state) => {
      const { child, ended } = start(["work", ...DEEP, "--json", "--state-dir", state], { env: QUICK });
      await until(() => hasParts(state) || child.exitCode !== null);
      child.kill("SIGSTOP");
      const other = await call(["work", ...DEEP, "--json", "--state-dir", state], { env: QUICK });
      expect(events(other.stdout)[0]).toMatchObject({ event: "done", attempt: 2 });
      const before = await statusOf(state);
      child.kill("SIGCONT");
      const { exit, stdout } = await ended;
      expect(exit).toBe(0);
      expect(events(stdout).at(-1)).toMatchObject({ event: "end", done: 0, lost: 1 });
      expect(await statusOf(state)).toEqual(before);
      expect(readdirSync(join(state, "in_process"))).toEqual([]);
    });
  });

  test("a running job that is cancelled is lost to its worker, and can be retried", async () => {
    await withTexts({ "log.txt": sampleText }, async (state) => {
      const { child, ended } = start(["work", ...DEEP, "--json", "--state-dir", state], { env: QUICK });
      await until(() => hasParts(state) || child.exitCode !== null);
      const cancelled = await call(["cancel", "log", "--state-dir", state]);
      expect(cancelled).toMatchObject({ exit: 0, stdout: "log: cancelled; `fold retry` lets it wait again\n" });
      const { stdout } = await ended;
      expect(events(stdout).at(-1)).toMatchObject({ event: "end", done: 0, lost: 1 });
      expect(readFileSync(join(state, "failed", "log.txt"), "utf8")).toBe(sampleText);
      expect((await call(["retry", "log", "--state-dir", state])).exit).toBe(0);
      expect((await call(["work", "--quiet", "--state-dir", state])).exit).toBe(0);
      expect(await statusOf(state)).toMatchObject({ waiting: 0, done: 1, failed: 0 });
    });
  });
});

describe("limits", () => {
  test("a small budget: fewer threads; too small a budget: the job is left, exit code 3", async () => {
    await withTexts({ "log.txt": sampleText }, async (state) => {
      const none = await call(["work", "--memory", "120MB", "--state-dir", state]);
      expect(none.exit).toBe(3);
      expect(none.stderr).toContain("1 job would need more memory than 120 MB");
      expect(await statusOf(state)).toMatchObject({ waiting: 1 });
      const [, enough] = /give --memory (1\d\dMB) or more/.exec(none.stderr) ?? [];
      const fewer = await call(["work", "--memory", enough, "--threads", "4", "--state-dir", state]);
      expect(fewer.exit).toBe(0);
      expect(fewer.stderr).toContain("only 1 thread");
    });
  });

  test("--stay: a job that is too large is told of once", async () => {
    await withTexts({ "log.txt": sampleText, "other.txt": halfOfSample }, async (state) => {
      const { child, ended } = start(["work", "--stay", "--memory", "120MB", "--state-dir", state]);
      const logged = () => {
        const folder = join(state, "logs");
        return existsSync(folder)
          ? events(
              readdirSync(folder)
                .map((f) => readFileSync(join(folder, f), "utf8"))
                .join(""),
            )
          : [];
      };
      await until(() => logged().length >= 2);
      // It has looked again when it finds the next one.
      put(state, "third.txt", sampleText);
      await until(() => logged().length >= 3);
      child.kill("SIGTERM");
      const { exit, stderr } = await ended;
      expect(exit).toBe(3);
      expect(
        logged()
          .map(({ event, name }) => `${event} ${name}`)
          .sort(),
      ).toEqual(["left log", "left other", "left third"]);
      expect(stderr).toMatch(
        /warn "log is left to others: it needs 1\d\d MB of memory, more than 120 MB" event=left job=log-/,
      );
    });
  });

  test("no space left: the job waits again, its space is free (skipped where no disk can be mounted)", async () => {
    await withFolder(async (folder) => {
      const state = join(folder, "small");
      if (!mountSmallDisk(state, 700)) return;
      try {
        put(state, "log.txt", sampleText);
        const { exit, stderr } = await call(["work", ...DEEP, "--state-dir", state]);
        expect(exit).toBe(1);
        expect(stderr).toMatch(/no space left on the device after \d+ kB; about \d+ kB are needed/);
        const [job] = readdirSync(join(state, "in_process"));
        expect(readdirSync(join(state, "in_process", job)).sort()).toEqual(["job.json", "source.txt"]);
        expect(await statusOf(state)).toMatchObject({ waiting: 1, failed: 0 });
        resizeDisk(state, 16_384);
        expect((await call(["work", ...DEEP, "--quiet", "--state-dir", state])).exit).toBe(0);
        expect(await statusOf(state)).toMatchObject({ waiting: 0, done: 1 });
      } finally {
        unmount(state);
      }
    });
  });

  test("bad options and unknown jobs say what to do", async () => {
    await withTexts({ "log.txt": sampleText }, async (state) => {
      const at = ["--state-dir", state];
      const cases: readonly (readonly [readonly string[], Record<string, string>, number, string])[] = [
        [["work", "--storage-backend", "clod"], {}, 2, '--storage-backend cannot be "clod"'],
        [["work"], { STORAGE_BACKEND: "floppy" }, 2, 'STORAGE_BACKEND cannot be "floppy"'],
        [["work"], { HEARTBEAT_INTERVAL: "soon" }, 2, 'HEARTBEAT_INTERVAL cannot be "soon"'],
        [["work"], { HEARTBEAT_GRACE_PERIOD: "61" }, 2, "less than two of HEARTBEAT_INTERVAL"],
        [["work"], { FOLD_WHOLE_BELOW: "small" }, 2, 'FOLD_WHOLE_BELOW cannot be "small"'],
        [["work", "--memory", "lots"], {}, 2, '--memory cannot be "lots"'],
        [["retry", "log"], {}, 5, "job log is waiting, not failed"],
        [["cancel", "nothing"], {}, 5, "there is no job nothing"],
      ];
      for (const [args, env, exit, message] of cases) {
        const ended = await call([...args, ...at], { env });
        expect(ended.stderr).toContain(message);
        expect(ended.exit).toBe(exit);
      }
      expect(await statusOf(state)).toMatchObject({ waiting: 1, failed: 0 });
    });
  });
});
