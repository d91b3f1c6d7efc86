// The session of the README: a fleet on one machine, from nothing to an archive, one of its workers killed on the way.
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { call, jsonLines, must, report } from "../support/binary.ts";
import { type Fleet, withFleet } from "../support/fleet.ts";
import { sampleText } from "../support/sample.ts";
import { keysOf } from "../support/spaces.ts";

/** Starts a worker and kills it as soon as it says that it has a job. */
async function killAtWork(fleet: Fleet): Promise<void> {
  const { child, ended } = fleet.worker({ machine: "killed" });
  await fleet.until(async () => (await fleet.jobs()).some(({ status }) => status === "processing"));
  child.kill("SIGKILL");
  await ended;
}

test("three workers fold one book in 8 shards into the archive of fold run, one of them killed at work", async () => {
  await withFleet(
    async (fleet) => {
      const { env, folder } = fleet;
      const options = { env, cwd: folder };
      writeFileSync(join(folder, "book.txt"), sampleText);
      await must(["db", "migrate"], options);
      await must(["setup"], options);
      const [submitted] = jsonLines(
        await must(["submit", "book.txt", "--shards", "8", "--max-dims", "3", "--json"], options),
      );
      expect(submitted).toMatchObject({ text: "book", uploaded: true });
      expect((submitted.jobs as unknown[]).length).toBe(8);
      await killAtWork(fleet);
      const workers = Array.from({ length: 2 }, () => must(["worker", "--threads", "1", "--json"], options));
      const events = jsonLines((await Promise.all(workers)).join("")).filter(({ event }) => event === "done");
      expect(events.filter(({ kind }) => kind === "text").length).toBe(8);
      expect(events.filter(({ kind }) => kind === "merge").length).toBe(1);
      const status = JSON.parse(await must(["status", "--json"], options));
      expect([status.waiting, status.running, status.done, status.failed]).toEqual([0, 0, 1, 0]);
      const [archive] = jsonLines(await must(["archives", "--json"], options));
      expect(archive).toMatchObject({ name: "book.max-dims-3", lineage: '"book"' });
      await must(["get", "book.max-dims-3"], options);
      const alone = await report(["run", "book.txt", "--max-dims", "3", "--out", "alone"], { cwd: folder });
      expect(archive).toMatchObject({ tar_sha256: alone.tar_sha256 });
      const [mine, other] = ["book.max-dims-3.tar.zst", "alone/book.max-dims-3.tar.zst"];
      expect(readFileSync(join(folder, mine)).equals(readFileSync(join(folder, other)))).toBe(true);
      const url = (await must(["url", "book.max-dims-3"], options)).trim();
      expect(new Uint8Array(await (await fetch(url)).arrayBuffer())).toEqual(
        new Uint8Array(readFileSync(join(folder, mine))),
      );
      expect(await must(["gc", "--grace", "1s", "--dry-run"], options)).toMatch(
        /^would delete 0 archives, 0 finished parts/,
      );
    },
    { isReady: false },
  );
});

test("the same text with the same options is one job, and --again makes another", async () => {
  await withFleet(async ({ env, folder }) => {
    const options = { env, cwd: folder };
    writeFileSync(join(folder, "book.txt"), "one two three. four five.\n");
    const submit = async (...args: string[]) =>
      jsonLines(await must(["submit", "book.txt", "--json", ...args], options));
    const jobOf = ([text]: Record<string, unknown>[]) => (text.jobs as { job: string; new: boolean }[])[0];
    const first = jobOf(await submit());
    expect(jobOf(await submit())).toEqual({ ...first, new: false });
    expect(jobOf(await submit("--max-dims", "3")).job).not.toBe(first.job);
    expect(jobOf(await submit("--again"))).toMatchObject({ new: true });
    expect(jsonLines(await must(["jobs", "--json"], options)).length).toBe(3);
  });
});

test("texts submitted with --merge become one archive, the others stay apart", async () => {
  await withFleet(async ({ env, folder }) => {
    const options = { env, cwd: folder };
    const names = ["a", "b", "c", "apart"];
    for (const name of names) {
      writeFileSync(
        join(folder, `${name}.txt`),
        `all the ${name} readers. his case of. all his, the case, ${name} of.\n`,
      );
    }
    await must(["submit", "a.txt", "b.txt", "c.txt", "--merge"], options);
    await must(["submit", "apart.txt"], options);
    await Promise.all([must(["worker"], options), must(["worker"], options)]);
    const archives = jsonLines(await must(["archives", "--json"], options));
    expect(archives.map(({ lineage }) => lineage as string).map((lineage) => lineage.match(/\w+/g)?.sort())).toEqual([
      ["apart"],
      ["a", "b", "c"],
    ]);
    const merged = archives.find(({ name }) => name !== "apart");
    const alone = await report(["run", "a.txt", "b.txt", "c.txt", "--merge", "--out", "alone"], { cwd: folder });
    expect(merged?.orthos).toBe(alone.orthos);
    const shown = JSON.parse(await must(["show", merged?.name as string, "--json"], options));
    expect(shown.content_sha256).toBe(alone.content_sha256);
  });
});

test("a text that cannot be folded is refused before anything is sent", async () => {
  await withFleet(async ({ env, folder, buckets }) => {
    writeFileSync(join(folder, "good.txt"), "one two.\n");
    writeFileSync(join(folder, "bad.txt"), new Uint8Array([0xff, 0xfe, 0x00]));
    const { exit, stderr } = await call(["submit", "good.txt", "bad.txt"], { env, cwd: folder });
    expect([exit, stderr]).toEqual([1, expect.stringContaining("not UTF-8")]);
    expect(await keysOf(buckets.input)).toEqual([]);
    expect(await must(["jobs", "--json"], { env })).toBe("");
  });
});

test("a job can be looked at, cancelled and retried by its name", async () => {
  await withFleet(async ({ env, folder }) => {
    const options = { env, cwd: folder };
    writeFileSync(join(folder, "book.txt"), "one two three. four five.\n");
    const [{ jobs }] = jsonLines<{ jobs: { job: string }[] }>(await must(["submit", "book.txt", "--json"], options));
    await must(["cancel", "book"], options);
    expect(await must(["worker", "--json"], options)).toContain('"done":0');
    await must(["retry", "book"], options);
    await must(["worker"], options);
    const [job] = jsonLines<{ status: string; runs: { outcome: string }[] }>(
      await must(["jobs", jobs[0].job, "--json"], options),
    );
    expect([job.status, ...job.runs.map(({ outcome }) => outcome)]).toEqual([
      "completed",
      "completed",
      "retried",
      "cancelled",
    ]);
    await must(["archives", "rm", "book"], options);
    expect((await call(["get", "book"], options)).exit).toBe(5);
    const [again] = jsonLines<{ jobs: { new: boolean }[] }>(await must(["submit", "book.txt", "--json"], options));
    expect(again.jobs[0].new).toBe(true);
    expect((await call(["get", "none"], options)).exit).toBe(5);
    expect((await call(["jobs", "none"], options)).exit).toBe(5);
  });
});

test("a worker that is told of a bucket which is not there takes no job", async () => {
  await withFleet(async ({ env, folder }) => {
    writeFileSync(join(folder, "book.txt"), "one two three. four five.\n");
    await must(["submit", "book.txt"], { env, cwd: folder });
    for (const name of ["INPUT", "RESULTS", "TEMP"]) {
      const { exit, stderr } = await call(["worker"], {
        env: { ...env, [`DO_SPACES_BUCKET_${name}`]: "fold-no-such" },
      });
      expect([exit, stderr]).toEqual([4, expect.stringContaining("there is no bucket fold-no-such")]);
    }
    const [job] = jsonLines(await must(["jobs", "--json"], { env }));
    expect([job.status, job.attempt, job.failures]).toEqual(["pending", 0, 0]);
  });
});

test("no secret is told where the database or the buckets refuse", async () => {
  await withFleet(async ({ env, folder }) => {
    const wrong = new URL(env.DATABASE_URL);
    wrong.password = "not-the-password";
    const calls = [
      await call(["status"], { env: { ...env, DATABASE_URL: wrong.href }, cwd: folder }),
      await call(["submit", "-"], { env: { ...env, DO_SPACES_SECRET_KEY: "not-the-secret" }, input: "one two.\n" }),
    ];
    for (const { exit, stdout, stderr } of calls) {
      expect({ exit, stderr }).toEqual({ exit: 4, stderr: expect.stringContaining("hint:") });
      expect(`${stdout}${stderr}`).not.toMatch(/not-the-(password|secret)/);
    }
  });
});
