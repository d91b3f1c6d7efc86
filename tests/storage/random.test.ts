// Workers that do whatever they like, on disks that fail whenever they like: in the end every text is there once.
import { expect, test } from "bun:test";
import { FoldError } from "../../src/errors.ts";
import { interceptChanges } from "../../src/storage/local/files.ts";
import type { LocalStorage } from "../../src/storage/local/local-storage.ts";
import type { Attempt } from "../../src/storage/port.ts";
import { letters } from "../support/corpora.ts";
import { randomNumbers } from "../support/random.ts";
import { quickParent } from "../support/temporary.ts";
import { LocalPlace } from "./local-place.ts";
import { failure, finishAll, GRACE_MS, handOver, textsIn, wanted } from "./place.ts";

const SEEDS = 40;
const STEPS = 120;
const WORKERS = 3;
/** Names so few that texts, archives and put-aside texts of one name meet. */
const NAMES = ["a", "b", "c/a"];

/** An error that a storage may give to a worker; any other is a mistake. */
const EXPECTED: ReadonlySet<string> = new Set(["lease_lost", "not_found", "usage", "failed"]);

class Crowd {
  readonly place = new LocalPlace(quickParent);
  /** Texts that were put in, by name. */
  readonly texts: string[] = [];
  private readonly random: () => number;
  private workers: { storage: LocalStorage; attempts: Attempt[] }[] = [];
  private changes_until_fault = Infinity;
  private isProcessGone = false;

  constructor(seed: number) {
    this.random = randomNumbers(seed);
    for (let i = 0; i < WORKERS; i++) this.workers.push(this.newWorker());
  }

  private newWorker() {
    return { storage: this.place.open(), attempts: [] };
  }

  private pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.random() * values.length)];
  }

  /** One worker does one thing; now and then a change fails, or its process ends there. */
  async step(): Promise<void> {
    const number = Math.floor(this.random() * WORKERS);
    const isFaulty = this.random() < 0.3;
    const isEnd = this.random() < 0.5;
    this.changes_until_fault = isFaulty ? Math.floor(this.random() * 12) : Infinity;
    this.isProcessGone = false;
    const restore = interceptChanges(() => {
      if (this.changes_until_fault-- !== 0 && !this.isProcessGone) return;
      this.isProcessGone = isEnd;
      throw Object.assign(new Error("planted"), { code: "EIO" });
    });
    try {
      await this.act(this.workers[number]);
    } catch (error) {
      if (!(error instanceof FoldError && EXPECTED.has(error.code))) throw error;
    } finally {
      restore();
    }
    if (this.isProcessGone) this.workers[number] = this.newWorker();
  }

  private async act({ storage, attempts }: { storage: LocalStorage; attempts: Attempt[] }): Promise<void> {
    const chance = this.random();
    if (chance < 0.12) return await this.putText();
    if (chance < 0.2) return this.place.pass(GRACE_MS * this.random() * 1.5);
    if (chance < 0.3) return void (await storage.reclaimStale());
    const jobs = await storage.listJobs();
    const id = jobs.length === 0 ? "none" : this.pick(jobs).id;
    if (chance < 0.34) return await storage.cancelJob(id);
    if (chance < 0.4) return storage.retryJob(id) as Promise<void>;
    if (chance < 0.6 || attempts.length === 0) {
      const attempt = await storage.claimNextJob(wanted({ merges: true }));
      if (attempt !== null) attempts.push(attempt);
      return;
    }
    // Any that it ever had: it may not know which it has lost.
    await this.actOn(storage, this.pick(attempts));
  }

  private async actOn(storage: LocalStorage, attempt: Attempt): Promise<void> {
    const chance = this.random();
    if (chance < 0.1) await storage.heartbeat(attempt, { share: 0.1, orthos: 1 });
    else if (chance < 0.2) await storage.spillChunk(attempt, this.pick(["x", "y"]), new Uint8Array(3));
    else if (chance < 0.5) await handOver(storage, attempt);
    else if (chance < 0.8) await storage.completeJob(attempt);
    else if (chance < 0.9) await storage.abandonJob(attempt, this.random() < 0.5);
    else await storage.failJob(attempt, { ...failure, isFinal: this.random() < 0.3 });
  }

  private async putText(): Promise<void> {
    const name = this.pick(NAMES);
    const { storage } = this.workers[0];
    // A user who puts a text over one that waits has replaced it.
    if ((await storage.listJobs()).some((job) => job.name === name && job.state === "waiting")) return;
    this.texts.push(name);
    await this.place.putText(name, `this is text ${letters(this.texts.length)}.\n`);
  }

  /** Everybody is gone; one worker comes and does all that is left. */
  async settle(): Promise<void> {
    this.place.pass(GRACE_MS * 2);
    const storage = this.place.open();
    await storage.reclaimStale();
    await finishAll(storage);
    for (;;) {
      const failed = (await storage.listJobs()).filter(({ state }) => state === "failed");
      // Once more: a reason without its text stays while another job of its name is at work.
      if (failed.length === 0) return void (await storage.reclaimStale());
      await retry(storage, failed[0].id);
      await finishAll(storage);
    }
  }
}

/** Let a job wait again; a merge of which an archive went into another one meanwhile is over. */
async function retry(storage: LocalStorage, id: string): Promise<void> {
  try {
    await storage.retryJob(id);
  } catch (error) {
    if (!(error instanceof FoldError && error.code === "not_found" && id.startsWith("merge-"))) throw error;
  }
}

test.each(Array.from({ length: SEEDS }, (_, i) => i + 1))(
  "seed %p: every text is there once, nothing else",
  async (seed) => {
    const crowd = new Crowd(seed);
    try {
      for (let i = 0; i < STEPS; i++) await crowd.step();
      await crowd.settle();
      const storage = crowd.place.open();
      expect(await textsIn(storage)).toEqual([...crowd.texts].sort());
      expect((await storage.listArchives()).length).toBe(Math.min(1, crowd.texts.length));
      expect(await storage.listJobs()).toEqual([]);
      expect(await crowd.place.leftovers()).toEqual([]);
    } finally {
      await crowd.place.remove();
    }
  },
);
