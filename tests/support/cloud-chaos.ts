// Workers of a fleet that are killed and suspended at random, on servers that fail at random, until they are left in
// peace; then all there is in tables and buckets is looked at.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { report } from "./binary.ts";
import { checkFleet, type FleetChecks } from "./chaos-checks.ts";
import { workInPeace } from "./chaos-peace.ts";
import { writeTexts } from "./chaos-texts.ts";
import { asOwner } from "./database.ts";
import { type Fleet, withFleet } from "./fleet.ts";
import { OwnPostgres } from "./own-postgres.ts";
import { type Fault, type Proxy as FaultyWay, startProxy } from "./proxy.ts";
import { randomNumbers } from "./random.ts";
import { samplePath } from "./sample.ts";
import { spaces } from "./spaces.ts";

export interface CloudChaos {
  readonly texts: number;
  /** Jobs that the sample is shared among. */
  readonly shards: number;
  readonly processes: number;
  /** How long workers and servers are disturbed. */
  readonly disturbed_ms: number;
  readonly seed: number;
}

/** How often what has happened. */
export interface Disturbances {
  kills: number;
  suspensions: number;
  /** Connections to the database that were ended from its side. */
  backends: number;
  restarts: number;
  wipes: number;
  /** Requests to Spaces that went wrong. */
  faults: number;
}

export interface CloudChaosOutcome extends FleetChecks {
  readonly disturbances: Disturbances;
  /** Jobs put aside because their workers were lost too often, and retried. */
  readonly retried: number;
  /** What workers said that ended by themselves and not well. */
  readonly deaths: readonly string[];
}

const LONGEST_SUSPENSION_MS = 4_000;
const LONGEST_PAUSE_MS = 800;
/** Share of the requests to Spaces that go wrong. */
const FAULTY = 0.15;
/** A worker that was told to stop, or has done its part of the work: done, some jobs put aside. */
const USUAL_EXITS: ReadonlySet<number> = new Set([0, 3]);

/** Let it happen, leave the workers in peace until all is done, and look at what there is. */
export async function runCloudChaos(chaos: CloudChaos): Promise<CloudChaosOutcome> {
  const server = await OwnPostgres.start();
  try {
    return await withFleet((fleet) => new ChaosRun(chaos, server, fleet).run(), { databaseUrl: server.url });
  } finally {
    await server.remove();
  }
}

interface Running {
  readonly machine: string;
  readonly child: ReturnType<Fleet["worker"]>["child"];
  isDisturbed: boolean;
}

class ChaosRun {
  private readonly random: () => number;
  private readonly faults: () => number;
  private readonly done: Disturbances = { kills: 0, suspensions: 0, backends: 0, restarts: 0, wipes: 0, faults: 0 };
  private readonly deaths: string[] = [];
  private readonly ends: Promise<void>[] = [];
  private readonly running = new Set<Running>();
  private isPeace = false;
  private proxy: FaultyWay | null = null;

  constructor(
    private readonly chaos: CloudChaos,
    private readonly server: OwnPostgres,
    private readonly fleet: Fleet,
  ) {
    this.random = randomNumbers(chaos.seed + 1);
    this.faults = randomNumbers(chaos.seed + 2);
  }

  async run(): Promise<CloudChaosOutcome> {
    const { fleet, chaos } = this;
    const { folder } = fleet;
    const texts = join(folder, "texts");
    writeTexts(texts, chaos.texts, chaos.seed);
    const out = join(folder, "whole");
    const whole = await report(["run", texts, "--merge", "--name", "all", "--out", out, "--quiet"]);
    const book = await report(["run", samplePath, "--max-dims", "3", "--out", out, "--quiet"]);
    await fleet.must(["submit", texts, "--merge", "--quiet"]);
    await fleet.must(["submit", samplePath, "--max-dims", "3", "--shards", String(chaos.shards), "--quiet"]);
    this.proxy = await startProxy(spaces.endpoint, () => this.fault());
    try {
      await this.disturb();
      const retried = await this.workInPeace();
      const checks = await checkFleet(fleet, { whole, book });
      return { ...checks, disturbances: this.done, retried, deaths: this.deaths };
    } finally {
      await this.proxy.close();
    }
  }

  /** What happens to the next request; most go through. */
  private fault(): Fault | null {
    if (this.isPeace || this.faults() > FAULTY) return null;
    this.done.faults++;
    const at = Math.floor(this.faults() * 5_000);
    const all: readonly Fault[] = [
      { kind: "status", status: 500 },
      { kind: "status", status: 503 },
      { kind: "cut", after_bytes: at },
      { kind: "lose" },
      { kind: "truncate", after_bytes: at, isPolite: true },
      { kind: "truncate", after_bytes: at, isPolite: false },
      { kind: "slow", piece_bytes: 200 + at },
    ];
    return all[Math.floor(this.faults() * all.length)];
  }

  /** One thing after another goes wrong; whoever has ended is started anew. */
  private async disturb(): Promise<void> {
    const { processes, disturbed_ms } = this.chaos;
    const workers = Array.from({ length: processes }, (_, number) => this.startWorker(number));
    const end = performance.now() + disturbed_ms;
    // In the middle of it all, and not by chance: a short run has to have one, too.
    const restarts = [0.3, 0.7].map((share) => performance.now() + disturbed_ms * share);
    while (performance.now() < end) {
      await Bun.sleep(this.random() * LONGEST_PAUSE_MS);
      if (restarts.length > 0 && performance.now() > restarts[0]) {
        restarts.shift();
        await this.server.restart();
        this.done.restarts++;
      }
      const which = Math.floor(this.random() * processes);
      if (workers[which].child.exitCode !== null || workers[which].child.signalCode !== null) {
        workers[which] = this.startWorker(which);
      }
      await this.harm(workers[which]);
    }
    this.isPeace = true;
    // Half of them wake up in the time of peace and find their jobs gone; the others never wake.
    for (const [number, worker] of workers.entries()) {
      worker.isDisturbed ||= number % 2 === 0;
      worker.child.kill(number % 2 === 0 ? "SIGKILL" : "SIGCONT");
    }
  }

  private async harm(worker: Running): Promise<void> {
    const { done, random } = this;
    const kind = random();
    if (kind < 0.2) {
      worker.isDisturbed = true;
      worker.child.kill("SIGKILL");
      done.kills++;
    } else if (kind < 0.45) {
      worker.child.kill("SIGSTOP");
      setTimeout(() => worker.child.kill("SIGCONT"), random() * LONGEST_SUSPENSION_MS);
      done.suspensions++;
    } else if (kind < 0.95) {
      done.backends += await this.endBackends(1 + Math.floor(random() * 4));
    } else {
      rmSync(join(this.fleet.diskOf(worker.machine), "cache"), { recursive: true, force: true });
      done.wipes++;
    }
  }

  private async endBackends(most: number): Promise<number> {
    const ended = await asOwner(
      (sql) => sql`select pg_terminate_backend(pid) from (
        select pid from pg_stat_activity where application_name = 'fold' order by random() limit ${most}) one`,
      this.server.url,
    );
    return ended.length;
  }

  private startWorker(number: number): Running {
    const machine = `machine-${number}`;
    const place = this.isPeace ? { machine } : { machine, endpoint: this.proxy?.endpoint ?? "" };
    const { child, ended } = this.fleet.worker(place);
    const running: Running = { machine, child, isDisturbed: false };
    this.running.add(running);
    this.ends.push(
      ended.then(({ exit, stderr }) => {
        this.running.delete(running);
        if (!running.isDisturbed && !USUAL_EXITS.has(exit))
          this.deaths.push(`${machine} ended with ${exit}: ${stderr}`);
      }),
    );
    return running;
  }

  private async workInPeace(): Promise<number> {
    const retried = await workInPeace({
      start: () => {
        for (let number = 0; number < this.chaos.processes; number++) this.startWorker(number);
        return [...this.running].map(({ child }) => child);
      },
      failed: async () => {
        const failed = "select id from jobs where status = 'failed' and error_code <> 'obsolete'";
        return (await this.fleet.sql<{ id: string }>(failed)).map(({ id }) => id);
      },
      retry: (id) => this.fleet.call(["retry", id]),
    });
    // What they have said is read a moment later.
    await Promise.all(this.ends);
    return retried;
  }
}
