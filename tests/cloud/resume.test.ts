// A job outlives its workers: killed, stopped or suspended in the middle of its work, on a machine that is gone, it is
// done by another one from what was uploaded, and nobody who wakes up too late changes anything.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { corpusOfText } from "../../src/core/corpus.ts";
import { PhraseIndex } from "../../src/core/phrase-index.ts";
import { planTasks } from "../../src/core/plan.ts";
import { report } from "../support/binary.ts";
import { Fleet } from "../support/fleet.ts";
import { type Seen, startProxy } from "../support/proxy.ts";
import { samplePath, sampleText } from "../support/sample.ts";
import { keysOf, spaces } from "../support/spaces.ts";

/** Three dimensions make the sample two seconds' work, in several tasks. */
const DIMS = 3;
const { corpus } = corpusOfText(sampleText);
const tasks = planTasks(PhraseIndex.build(corpus), corpus.words, DIMS).length;

const fleet = await Fleet.make();
/** The hash of the archive that `fold run` makes of the same text. */
let expected: string;
let job: string;
const ends: (() => Promise<void>)[] = [];

beforeAll(async () => {
  const out = join(fleet.folder, "whole");
  expected = (await report(["run", samplePath, "--max-dims", String(DIMS), "--out", out])).tar_sha256 ?? "";
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});
afterAll(() => fleet.remove());

/** Queue the sample once more, whatever was made of it before. */
async function submit(): Promise<void> {
  await fleet.sql("update archives set is_deleted = true, deleted_at = now() where not is_deleted");
  const told = JSON.parse(await fleet.must(["submit", samplePath, "--max-dims", String(DIMS), "--again", "--json"]));
  job = told.jobs[0].job;
}

/** Whether a request sends a part that another attempt could go on from, and is the Nth to do so. */
function isPart(number: number): (request: Seen) => boolean {
  let parts = 0;
  return ({ method, path }) => method === "PUT" && path.includes("/jobs/") && ++parts === number;
}

function isArchive({ method, path }: Seen): boolean {
  return method === "PUT" && path.includes("/archives/");
}

/**
 * Start a worker and wait until it gets a signal, in the moment in which it sends a certain request: however fast the
 * machine is, it is in the middle of its work then. Only a proxy can tell when that is.
 */
async function signalled(
  machine: string,
  signal: NodeJS.Signals,
  isMoment: (request: Seen) => boolean,
  args: readonly string[] = [],
) {
  const { promise, resolve } = Promise.withResolvers<"signalled">();
  let isOver = false;
  const proxy = await startProxy(spaces.endpoint, (request) => {
    if (!isOver && isMoment(request)) {
      isOver = true;
      worker.child.kill(signal);
      resolve("signalled");
    }
    return null;
  });
  const worker = fleet.worker({ machine, endpoint: proxy.endpoint }, args);
  ends.push(async () => {
    worker.child.kill("SIGKILL");
    await proxy.close();
  });
  const first = await Promise.race([promise, worker.ended]);
  if (first !== "signalled" && !isOver) throw new Error(`it ended with ${first.exit} before: ${first.stderr}`);
  return worker;
}

interface Archive {
  readonly tar_sha256: string;
  readonly s3_key: string;
}

function archives(): Promise<Archive[]> {
  return fleet.sql("select tar_sha256, s3_key from archives where not is_deleted");
}

/** Of how many tasks a worker has found how many done, as its log says. */
function resumed(stderr: string): { resumed: number; tasks: number } {
  const [, tasks, done] = /event=planned .*tasks=(\d+) resumed=(\d+)/.exec(stderr) ?? [];
  return { tasks: Number(tasks ?? 0), resumed: Number(done ?? 0) };
}

/** The job is done: one archive, equal to fold run's, and no part is left. */
async function expectDone(outcomes: readonly string[]): Promise<void> {
  const found = await archives();
  expect(found.map(({ tar_sha256 }) => tar_sha256)).toEqual([expected]);
  const [key] = found.map(({ s3_key }) => s3_key);
  expect(await keysOf(fleet.buckets.results)).toContain(key);
  const runs = await fleet.sql<{ outcome: string }>(
    `select outcome from processing_runs where job_id = '${job}' order by attempt`,
  );
  expect(runs.map(({ outcome }) => outcome)).toEqual([...outcomes]);
  expect(await keysOf(fleet.buckets.temp)).toEqual([]);
}

describe("a job whose worker is gone", () => {
  test("killed late in its work: another machine goes on from the uploaded parts", async () => {
    await submit();
    const first = await signalled("first", "SIGKILL", isPart(Math.ceil(tasks / 2)));
    await first.ended;
    const parts = await fleet.parts();
    const second = await fleet.worker({ machine: "second" }).ended;
    expect(second.exit).toBe(0);
    const plan = resumed(second.stderr);
    expect(plan.tasks).toBe(tasks);
    // What was under way in that moment is lost, and no more.
    expect(plan.resumed).toBeGreaterThan(tasks / 4);
    expect(parts).toBeGreaterThanOrEqual(plan.resumed);
    await expectDone(["lost", "completed"]);
  });

  test("stopped by SIGTERM: it gives the job back at once, with its parts", async () => {
    await submit();
    const first = await signalled("third", "SIGTERM", isPart(Math.ceil(tasks / 4)));
    const { exit, stderr } = await first.ended;
    expect(exit).toBe(130);
    expect(stderr).toContain("waits again; what was done is kept");
    expect((await fleet.jobs()).find(({ id }) => id === job)).toMatchObject({ status: "pending", retry_count: 0 });
    const second = await fleet.worker({ machine: "fourth" }).ended;
    expect(second.exit).toBe(0);
    expect(resumed(second.stderr).resumed).toBeGreaterThan(0);
    await expectDone(["abandoned", "completed"]);
  });
});

describe("a worker that was suspended for longer than its lease", () => {
  test("in the middle of its work: it changes nothing, and says that the job is no longer its own", async () => {
    await submit();
    const zombie = await signalled("fifth", "SIGSTOP", isPart(3), ["--mode", "one-shot"]);
    const other = await fleet.worker({ machine: "sixth" }).ended;
    expect(other.exit).toBe(0);
    await expectDone(["lost", "completed"]);
    const before = await fleet.everything();
    zombie.child.kill("SIGCONT");
    const { exit, stderr } = await zombie.ended;
    expect(exit).toBe(6);
    expect(stderr).toContain("is no longer this worker's");
    expect(await fleet.everything()).toEqual(before);
  });

  test("while its archive is on its way: what it has uploaded is nobody's, and goes with fold gc", async () => {
    await submit();
    const zombie = await signalled("seventh", "SIGSTOP", isArchive);
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
    expect(await keysOf(fleet.buckets.results)).toEqual([archive.s3_key]);
    await expectDone(["lost", "completed"]);
  });
});
