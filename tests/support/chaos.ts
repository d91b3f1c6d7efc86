// Workers on one state directory that are killed and suspended at random, until they are left in peace.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Subprocess } from "bun";
import type { Status } from "../../src/cli/status.ts";
import { binary, call, must, report } from "./binary.ts";
import { workInPeace } from "./chaos-peace.ts";
import { writeTexts } from "./chaos-texts.ts";
import { randomNumbers } from "./random.ts";

export interface Chaos {
  /** An empty folder. */
  readonly folder: string;
  readonly texts: number;
  readonly processes: number;
  /** How long processes are disturbed. */
  readonly disturbed_ms: number;
  readonly seed: number;
}

export interface ChaosOutcome {
  readonly kills: number;
  readonly suspensions: number;
  /** Jobs put aside because their workers were lost too often, and retried. */
  readonly retried: number;
  /** What is left in the end. */
  readonly status: Status;
  /** Files that should not be there any more. */
  readonly leftovers: readonly string[];
  /** Names of texts in the lineage of the one archive that is left, sorted. */
  readonly names: readonly string[];
  readonly expectedNames: readonly string[];
  readonly content_sha256: string | null;
  /** Of the archive of the same texts folded in one go. */
  readonly expected_sha256: string | null;
}

/** Short, so that what is suspended is lost soon; and some archives become objects, some stay files. */
const TIMES = { HEARTBEAT_INTERVAL: "0.2", HEARTBEAT_GRACE_PERIOD: "1", FOLD_WHOLE_BELOW: "20000" };
const LONGEST_SUSPENSION_MS = 2_500;
const LONGEST_PAUSE_MS = 250;

/** Let it happen, then leave the workers in peace until all is done. */
export async function runChaos(chaos: Chaos): Promise<ChaosOutcome> {
  const { folder, processes } = chaos;
  const state = join(folder, "state");
  const input = join(state, "input");
  const copies = join(folder, "texts");
  for (const place of [input, copies]) writeTexts(place, chaos.texts, chaos.seed);
  const whole = await report(["run", copies, "--merge", "--name", "all", "--out", join(folder, "whole"), "--quiet"]);
  const { kills, suspensions } = await disturb(state, chaos);
  const retried = await workInPeace({
    start: () => Array.from({ length: processes }, () => startWorker(state)),
    failed: async () => (await statusOf(state)).jobs.filter((job) => job.state === "failed").map(({ id }) => id),
    retry: (id) => call(["retry", id, "--state-dir", state]),
  });
  const status = await statusOf(state);
  const [archive] = status.archives;
  const merged = archive === undefined ? null : await contentOf(state, archive.name);
  return {
    kills,
    suspensions,
    retried,
    status,
    leftovers: [...filesIn(input), ...filesIn(join(state, "in_process")), ...filesIn(join(state, "failed"))],
    names: [...(archive?.lineage ?? "").matchAll(/"([^"]+)"/g)].map((match) => match[1]).sort(),
    expectedNames: readdirSync(copies)
      .map((name) => name.slice(0, -".txt".length))
      .sort(),
    content_sha256: merged,
    expected_sha256: whole.content_sha256,
  };
}

/** Kill -9, SIGSTOP and SIGCONT at random; whoever was killed is started anew. */
async function disturb(state: string, { processes, disturbed_ms, seed }: Chaos) {
  const random = randomNumbers(seed + 1);
  const workers = Array.from({ length: processes }, () => startWorker(state));
  const sleepers = new Set<ReturnType<typeof setTimeout>>();
  let kills = 0;
  let suspensions = 0;
  const end = performance.now() + disturbed_ms;
  while (performance.now() < end) {
    await Bun.sleep(random() * LONGEST_PAUSE_MS);
    const which = Math.floor(random() * processes);
    const worker = workers[which];
    if (worker.exitCode !== null || worker.signalCode !== null) {
      workers[which] = startWorker(state);
    } else if (random() < 0.5) {
      worker.kill("SIGKILL");
      await worker.exited;
      workers[which] = startWorker(state);
      kills++;
    } else {
      worker.kill("SIGSTOP");
      sleepers.add(setTimeout(() => worker.kill("SIGCONT"), random() * LONGEST_SUSPENSION_MS));
      suspensions++;
    }
  }
  for (const sleeper of sleepers) clearTimeout(sleeper);
  // Half of them wake up in the time of peace and find their jobs gone; the others never wake.
  for (const [number, worker] of workers.entries()) worker.kill(number % 2 === 0 ? "SIGKILL" : "SIGCONT");
  return { kills, suspensions };
}

function startWorker(state: string): Subprocess {
  return Bun.spawn([binary, "work", "--merge", "--threads", "1", "--state-dir", state, "--quiet"], {
    stdio: ["ignore", "ignore", "ignore"],
    env: { ...process.env, ...TIMES },
  });
}

async function statusOf(state: string): Promise<Status> {
  return JSON.parse(await must(["status", "--json", "--state-dir", state], { env: TIMES })) as Status;
}

async function contentOf(state: string, name: string): Promise<string | null> {
  return (await report(["show", name, "--state-dir", state])).content_sha256;
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
}
