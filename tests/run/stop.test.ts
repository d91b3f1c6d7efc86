// A run may be ended at any moment, in any way: the same command goes on, and the archive is the same to the byte.
import { describe, expect, test } from "bun:test";
import { closeSync, constants, existsSync, mkdirSync, openSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isHangUpHeard } from "../../src/cli/hang-up.ts";
import { binary, call, must, report, start } from "../support/binary.ts";
import { halfOfSample } from "../support/sample.ts";
import { withFolder } from "../support/temporary.ts";

/** Three dimensions make half of the sample text half a second's work, in several tasks. */
const DIMENSIONS = ["--max-dims", "3"];
const MAX_ROUNDS = 100;

/** The folder of the parts of a run is there, or the run is over. */
async function untilItWalks(child: { readonly exitCode: number | null }, work: string): Promise<void> {
  while (!existsSync(work) && child.exitCode === null) await Bun.sleep(5);
}

/**
 * End run after run with a signal, the first as soon as it walks and the others each a little later than its start, until
 * one comes to its end. What is a little goes by the time of a whole run: on a busy machine the start alone takes longer
 * than all of it on a free one.
 */
async function endAgainAndAgain(
  signal: "SIGKILL" | "SIGINT" | "SIGTERM",
  args: readonly string[],
  work: string,
  whole_ms: number,
) {
  let interrupted = 0;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const { child, ended } = start(["run", ...args]);
    const patience_ms = whole_ms * (0.1 + ((round * 7) % 20) / 100 + round * 0.03);
    const isFirst = round === 0;
    const timer = isFirst ? undefined : setTimeout(() => child.kill(signal), patience_ms);
    if (isFirst) await untilItWalks(child, work).then(() => child.kill(signal));
    const { exit, stderr } = await ended;
    clearTimeout(timer);
    if (exit === 0) return interrupted;
    // Ended by the signal itself, with 128 more than its number, when it came before the program listened.
    if (signal !== "SIGKILL" && exit !== 130 && exit !== 143)
      throw new Error(`ended with ${exit} instead of 130: ${stderr}`);
    interrupted++;
  }
  throw new Error(`not done after ${MAX_ROUNDS} rounds: what was finished is not kept`);
}

describe("a run that is stopped", () => {
  for (const signal of ["SIGKILL", "SIGINT", "SIGTERM"] as const) {
    test(`${signal} again and again: same archive as in one go`, async () => {
      await withFolder(async (folder) => {
        const text = join(folder, "log.txt");
        writeFileSync(text, halfOfSample);
        const start_ms = performance.now();
        const whole = await report(["run", text, ...DIMENSIONS, "--out", join(folder, "whole"), "--threads", "2"]);
        const whole_ms = performance.now() - start_ms;
        const out = join(folder, "out");
        const args = [text, ...DIMENSIONS, "--out", out, "--threads", "2"];
        const work = join(out, "log.max-dims-3.tar.zst.work");
        const interrupted = await endAgainAndAgain(signal, args, work, whole_ms);
        expect(interrupted).toBeGreaterThan(0);
        const again = await report(["run", text, ...DIMENSIONS, "--out", out]);
        expect(again.tar_sha256).toBe(whole.tar_sha256);
        expect(readdirSync(out)).toEqual(["log.max-dims-3.tar.zst"]);
      });
    });
  }

  test("a merge that is killed leaves nothing of the archives that were fetched for it", async () => {
    await withFolder(async (folder) => {
      const state = ["--state-dir", join(folder, "state")];
      const temporary = join(folder, "temporary");
      for (const made of [temporary, join(folder, "state/input")]) mkdirSync(made, { recursive: true });
      const half = halfOfSample.length / 2;
      writeFileSync(join(folder, "state/input/a.txt"), halfOfSample.slice(0, half));
      writeFileSync(join(folder, "state/input/b.txt"), halfOfSample.slice(half));
      // In pieces, so that they have to be put together to be read.
      await must(["work", ...DIMENSIONS, ...state], { env: { FOLD_WHOLE_BELOW: "0" } });
      const names = ["a.max-dims-3", "b.max-dims-3"];
      const args = ["merge", ...names, "--name", "both", "--out", folder, ...state];
      const { child, ended } = start(args, { env: { TMPDIR: temporary } });
      const work = join(folder, "both.max-dims-3.tar.zst.work");
      await untilItWalks(child, work);
      child.kill("SIGKILL");
      expect((await ended).exit).toBe(137);
      expect(readdirSync(temporary)).toEqual([]);
    });
  });

  // SIGHUP comes when the terminal is closed; tests that `nohup` has started leave it ignored.
  test.each(isHangUpHeard() ? (["SIGTERM", "SIGHUP"] as const) : (["SIGTERM"] as const))(
    "%s leaves neither a half archive nor a temporary file",
    async (signal) => {
      await withFolder(async (folder) => {
        const text = join(folder, "log.txt");
        writeFileSync(text, halfOfSample);
        const { child, ended } = start(["run", text, ...DIMENSIONS, "--out", folder]);
        const work = join(folder, "log.max-dims-3.tar.zst.work");
        await untilItWalks(child, work);
        child.kill(signal);
        const { exit, stderr } = await ended;
        expect(exit).toBe(130);
        expect(stderr).toContain("run the same command again");
        expect(readdirSync(folder).sort()).toEqual(["log.max-dims-3.tar.zst.work", "log.txt"]);
      });
    },
  );

  test("nohup: a terminal that is closed stops nothing", async () => {
    if (!existsSync("/proc/self/status")) return;
    await withFolder(async (folder) => {
      const text = join(folder, "log.txt");
      writeFileSync(text, halfOfSample);
      const child = Bun.spawn(["nohup", binary, "run", text, ...DIMENSIONS, "--out", folder], { stderr: "ignore" });
      const work = join(folder, "log.max-dims-3.tar.zst.work");
      await untilItWalks(child, work);
      child.kill("SIGHUP");
      expect(await child.exited).toBe(0);
    });
  });

  test("a stop among many small texts is heard", async () => {
    await withFolder(async (folder) => {
      const texts = 2_000;
      const [input, out] = [join(folder, "input"), join(folder, "out")];
      mkdirSync(input);
      for (let number = 0; number < texts; number++) writeFileSync(join(input, `${number}.txt`), "one two. one two");
      const { child, ended } = start(["run", input, "--out", out]);
      while (!existsSync(out) && child.exitCode === null) await Bun.sleep(5);
      child.kill("SIGINT");
      expect((await ended).exit).toBe(130);
      expect(readdirSync(out).length).toBeLessThan(texts);
    });
  });
});

test("a bench that is stopped ends the run under way, and leaves nothing behind", async () => {
  await withFolder(async (folder) => {
    const text = join(folder, "log.txt");
    writeFileSync(text, halfOfSample);
    const scratch = join(folder, "scratch");
    mkdirSync(scratch);
    const { child, ended } = start(["bench", text, ...DIMENSIONS], { env: { TMPDIR: scratch } });
    while (readdirSync(scratch).length === 0 && child.exitCode === null) await Bun.sleep(5);
    child.kill("SIGTERM");
    const { exit, stderr } = await ended;
    expect(exit).toBe(130);
    expect(stderr).toContain("fold: stopped before the end\nhint: run the same command again\n");
    expect(readdirSync(scratch)).toEqual([]);
  });
});

test("a run of what another run is writing is told so, and takes nothing from it", async () => {
  await withFolder(async (folder) => {
    const [text, out] = [join(folder, "log.txt"), join(folder, "out")];
    writeFileSync(text, halfOfSample);
    mkdirSync(join(folder, "other"));
    writeFileSync(join(folder, "other/log.txt"), `${halfOfSample} one more.`);
    const alone = await report(["run", text, ...DIMENSIONS, "--out", join(folder, "alone")]);
    const archive = join(out, "log.max-dims-3.tar.zst");
    const args = ["run", text, ...DIMENSIONS, "--out", out, "--threads", "1"];
    const { child, ended } = start(args);
    try {
      await untilItWalks(child, join(`${archive}.work`, "key"));
      child.kill("SIGSTOP");
      const before = readdirSync(`${archive}.work`);
      // The same again; the same anew; another text whose archive has the same name.
      const others = [args, [...args, "--fresh"], args.with(1, join(folder, "other/log.txt"))];
      for (const other of others) {
        const { exit, stdout, stderr } = await call([...other, "--quiet"]);
        expect(stderr).toBe(
          `fold: another \`fold run\` or \`fold merge\` is writing ${archive}\nhint: let it end, then run the same command again; or give this one another --name or --out\n`,
        );
        expect([exit, stdout]).toEqual([1, ""]);
      }
      expect(readdirSync(`${archive}.work`)).toEqual(before);
    } finally {
      child.kill("SIGCONT");
    }
    expect(await ended).toMatchObject({ exit: 0 });
    expect(readdirSync(out)).toEqual(["log.max-dims-3.tar.zst"]);
    expect((await report(args)).tar_sha256).toBe(alone.tar_sha256);
  });
});

test.each(["run", "stage"])(
  "%s is stopped while it waits for a text that somebody has yet to write",
  async (command) => {
    await withFolder(async (folder) => {
      if (!Bun.spawnSync(["mkfifo", "pipe"], { cwd: folder }).success) throw new Error("no pipe could be made");
      const [input, output] = [{ stdin: "pipe", cwd: folder } as const, { stdout: "pipe", stderr: "pipe" } as const];
      const byName = Bun.spawn([binary, command, "pipe"], { ...input, ...output });
      let writer: number | null = null;
      while (writer === null) {
        await Bun.sleep(5);
        writer = openedIfRead(join(folder, "pipe"));
      }
      const standard = Bun.spawn([binary, command, "-"], { ...input, ...output });
      standard.stdin.write("all the readers.\n".repeat(100_000));
      // More than a pipe holds.
      await standard.stdin.flush();
      for (const [title, child] of [["pipe", byName] as const, ["the standard input", standard] as const]) {
        child.kill("SIGINT");
        expect(await child.stderr.text()).toContain(`stopped while ${title} was read\nhint: `);
        expect([await child.exited, await child.stdout.text()]).toEqual([130, ""]);
      }
      closeSync(writer);
      expect(readdirSync(folder)).toEqual(["pipe"]);
    });
  },
);

test("a pipe that has the name of a file is a text", async () => {
  await withFolder(async (folder) => {
    const line = 'exec 3< <(cat); exec "$0" run /dev/fd/3 --no-archive --json';
    const child = Bun.spawn(["bash", "-c", line, binary], { cwd: folder, stdin: Buffer.from("a b. c d. a c. b d.") });
    expect(JSON.parse(await child.stdout.text())).toMatchObject({ orthos: 1 });
  });
});

/** A pipe's other end; null while nobody reads it, for then it cannot be opened without waiting. */
function openedIfRead(pipe: string): number | null {
  try {
    return openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return null;
  }
}
