// A job outlives its workers: killed, stopped or suspended late in its work, on a machine that is gone, it is done by
// another one from what was uploaded, and nobody who wakes up too late changes anything.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { report } from "../support/binary.ts";
import { Fleet, keysOf } from "../support/cloud-fleet.ts";
import { newDatabase } from "../support/database.ts";
import { startProxy } from "../support/proxy.ts";
import { samplePath } from "../support/sample.ts";
import { spaces } from "../support/spaces.ts";
import { temporaryFolder } from "../support/temporary.ts";

/** Three dimensions make the sample two seconds' work, four make it eight. */
const [SHORT, LONG] = [3, 4];

const folder = temporaryFolder();
const databaseUrl = await newDatabase();
let fleet: Fleet;
let job: string;
/** The hash of the archive that `fold run` makes of the same text, by dimensions. */
const expected = new Map<number, string>();

beforeAll(async () => {
  fleet = await Fleet.make(folder, databaseUrl);
  for (const dims of [SHORT, LONG]) {
    const whole = await report(["run", samplePath, "--max-dims", String(dims), "--out", join(folder, "whole")]);
    expected.set(dims, whole.tar_sha256 ?? "");
  }
});
afterAll(() => fleet.remove());

/** Queue the sample once more, whatever was made of it before. */
async function submit(dims: number): Promise<void> {
  await fleet.sql("update archives set is_deleted = true, deleted_at = now() where not is_deleted");
  const told = JSON.parse(await fleet.must(["submit", samplePath, "--max-dims", String(dims), "--again", "--json"]));
  job = told.jobs[0].job;
}

interface Archive {
  readonly name: string;
  readonly tar_sha256: string;
  readonly s3_key: string;
}

function archives(): Promise<Archive[]> {
  return fleet.sql("select name, tar_sha256, s3_key from archives where not is_deleted");
}

/** Wait until a share of the job is done and some of it uploaded. */
function untilDone(share: number): Promise<void> {
  return fleet.until(async () => {
    const found = (await fleet.jobs()).find(({ id }) => id === job);
    return (found?.share ?? 0) >= share && (await fleet.parts()) > 0;
  });
}

/** Of how many tasks a worker has found how many done, as its log says. */
function resumed(stderr: string): { resumed: number; tasks: number } {
  const [, tasks, done] = /event=planned .*tasks=(\d+) resumed=(\d+)/.exec(stderr) ?? [];
  return { tasks: Number(tasks ?? 0), resumed: Number(done ?? 0) };
}

/** The job is done: one archive, equal to fold run's, and no part is left. */
async function expectDone(dims: number, outcomes: readonly string[]): Promise<void> {
  const found = await archives();
  expect(found.map(({ tar_sha256 }) => tar_sha256)).toEqual([expected.get(dims) ?? ""]);
  const [key] = found.map(({ s3_key }) => s3_key);
  expect(await keysOf(fleet.results)).toContain(key);
  const runs = await fleet.sql<{ outcome: string }>(
    `select outcome from processing_runs where job_id = '${job}' order by attempt`,
  );
  expect(runs.map(({ outcome }) => outcome)).toEqual([...outcomes]);
  expect(await keysOf(fleet.temp)).toEqual([]);
}

describe("a job whose worker is gone", () => {
  test("killed late in its work: another machine goes on from the uploaded parts", async () => {
    await submit(LONG);
    const first = fleet.worker({ machine: "first" });
    await untilDone(0.6);
    first.child.kill("SIGKILL");
    await first.ended;
    const parts = await fleet.parts();
    const second = await fleet.worker({ machine: "second" }).ended;
    expect(second.exit).toBe(0);
    const { tasks, resumed: done } = resumed(second.stderr);
    // What was under way in that moment is lost, and no more.
    expect(done).toBeGreaterThan(tasks / 4);
    expect(parts).toBeGreaterThanOrEqual(done);
    await expectDone(LONG, ["lost", "completed"]);
  });

  test("stopped by SIGTERM: it gives the job back at once, with its parts", async () => {
    await submit(LONG);
    const first = fleet.worker({ machine: "third" });
    await untilDone(0.4);
    first.child.kill("SIGTERM");
    const { exit, stderr } = await first.ended;
    expect(exit).toBe(130);
    expect(stderr).toContain("waits again; what was done is kept");
    expect((await fleet.jobs()).find(({ id }) => id === job)).toMatchObject({ status: "pending", retry_count: 0 });
    const second = await fleet.worker({ machine: "fourth" }).ended;
    expect(second.exit).toBe(0);
    expect(resumed(second.stderr).resumed).toBeGreaterThan(0);
    await expectDone(LONG, ["abandoned", "completed"]);
  });
});

describe("a worker that was suspended for longer than its lease", () => {
  test("in the middle of its work: it changes nothing, and says that the job is no longer its own", async () => {
    await submit(SHORT);
    const zombie = fleet.worker({ machine: "fifth" }, ["--mode", "one-shot"]);
    await untilDone(0.3);
    zombie.child.kill("SIGSTOP");
    const other = await fleet.worker({ machine: "sixth" }).ended;
    expect(other.exit).toBe(0);
    await expectDone(SHORT, ["lost", "completed"]);
    const before = await fleet.everything();
    zombie.child.kill("SIGCONT");
    const { exit, stderr } = await zombie.ended;
    expect(exit).toBe(6);
    expect(stderr).toContain("is no longer this worker's");
    expect(await fleet.everything()).toEqual(before);
  });

  test("while its archive is on its way: what it has uploaded is nobody's, and goes with fold gc", async () => {
    await submit(SHORT);
    // Only the proxy can tell when that is.
    let suspend: (() => void) | null = null;
    const proxy = await startProxy(spaces.endpoint, ({ method, path }) => {
      if (method === "PUT" && path.includes("/archives/")) suspend?.();
      return null;
    });
    try {
      const zombie = fleet.worker({ machine: "seventh", endpoint: proxy.endpoint });
      const suspended = new Promise<void>((resolve) => {
        suspend = () => {
          suspend = null;
          zombie.child.kill("SIGSTOP");
          resolve();
        };
      });
      await suspended;
      const other = await fleet.worker({ machine: "eighth" }).ended;
      expect(other.exit).toBe(0);
      const [archive] = await archives();
      const before = await fleet.everything();
      zombie.child.kill("SIGCONT");
      const { exit, stderr } = await zombie.ended;
      expect(exit).toBe(0);
      expect(stderr).toContain("is no longer this worker's");
      const after = await fleet.everything();
      expect(after.rows).toBe(before.rows);
      expect(after.objects).toEqual(expect.arrayContaining(before.objects));
      expect(after.objects.length).toBeLessThanOrEqual(before.objects.length + 1);
      // Ages are told in whole seconds.
      await Bun.sleep(1_100);
      await fleet.must(["gc", "--grace", "0s"]);
      expect(await keysOf(fleet.results)).toEqual([archive.s3_key]);
      await expectDone(SHORT, ["lost", "completed"]);
    } finally {
      await proxy.close();
    }
  });
});
