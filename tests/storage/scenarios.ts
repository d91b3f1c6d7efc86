// What a worker does, for tests that stop it before each of its changes.
import { expect } from "bun:test";
import { interceptChanges } from "../../src/storage/local/files.ts";
import type { Attempt, Storage } from "../../src/storage/port.ts";
import { textOfSize } from "./cases/merges.ts";
import type { LocalPlace } from "./local-place.ts";
import { claim, failure, finish, GRACE_MS, handOver, idOf, publish } from "./place.ts";

/** A piece of work on texts that are in the storage before. */
export interface Scenario {
  readonly name: string;
  /** Names of the texts, as often as they are there. */
  readonly texts: readonly string[];
  /** How often a job may count as failed in the end, when the work was stopped once and then recovered. */
  readonly mostFailures: number;
  prepare(place: LocalPlace): Promise<unknown>;
  run(storage: Storage, note: (attempt: Attempt) => void): Promise<unknown>;
}

const merges = { merges: true } as const;
const final = { ...failure, isFinal: true } as const;

const oneText = (place: LocalPlace) => place.putText("book", "one two three. four five six.\n");

async function twoArchives(place: LocalPlace): Promise<void> {
  await publish(place, "a", textOfSize(1));
  await publish(place, "b", textOfSize(2));
}

/** The id of the only job. */
async function theJob(storage: Storage): Promise<string> {
  const jobs = await storage.listJobs();
  if (jobs.length !== 1) throw new Error(`there are ${jobs.length} jobs`);
  return jobs[0].id;
}

/** Do something up to a change whose name has this piece, as if the process had ended there. */
export async function crashBefore(piece: string, work: () => Promise<unknown>): Promise<void> {
  let hasCrashed = false;
  const restore = interceptChanges((change) => {
    hasCrashed ||= change.includes(piece);
    if (hasCrashed) throw new Error("the process has ended");
  });
  try {
    await work();
  } catch {
    // Expected; what is left on the disk is what matters.
  } finally {
    restore();
  }
  if (!hasCrashed) throw new Error(`no change is called ${piece}`);
}

async function claimed(storage: Storage, note: (attempt: Attempt) => void, wanted = {}): Promise<Attempt> {
  const attempt = await claim(storage, wanted);
  note(attempt);
  return attempt;
}

const workers: readonly Scenario[] = [
  {
    name: "a text is folded",
    texts: ["book"],
    mostFailures: 1,
    prepare: oneText,
    run: async (storage, note) => {
      const attempt = await claimed(storage, note);
      await storage.heartbeat(attempt, { share: 0.5, orthos: 1 });
      await storage.spillChunk(attempt, "part-0", new Uint8Array(10));
      await finish(storage, attempt);
    },
  },
  {
    name: "another text of a name that has an archive is folded",
    texts: ["book", "book"],
    mostFailures: 1,
    prepare: async (place) => {
      await publish(place, "book", "old words.\n");
      await oneText(place);
    },
    run: async (storage, note) => finish(storage, await claimed(storage, note)),
  },
  {
    name: "archives are merged",
    texts: ["a", "b"],
    mostFailures: 1,
    prepare: twoArchives,
    run: async (storage, note) => finish(storage, await claimed(storage, note, merges)),
  },
  {
    name: "a job is given back, with its work and without",
    texts: ["book"],
    mostFailures: 1,
    prepare: oneText,
    run: async (storage, note) => {
      const attempt = await claimed(storage, note);
      await storage.spillChunk(attempt, "part-0", new Uint8Array(10));
      await handOver(storage, attempt);
      await storage.abandonJob(attempt, true);
      await storage.abandonJob(await claimed(storage, note), false);
      await finish(storage, await claimed(storage, note));
    },
  },
];

const failing: readonly Scenario[] = [
  {
    name: "a job fails three times",
    texts: ["book"],
    mostFailures: 3,
    prepare: oneText,
    run: async (storage, note) => {
      for (let i = 0; i < 3; i++) await storage.failJob(await claimed(storage, note), failure);
    },
  },
  {
    name: "a text fails for good and is retried",
    texts: ["book"],
    mostFailures: 1,
    prepare: oneText,
    run: async (storage, note) => {
      await storage.failJob(await claimed(storage, note), final);
      await storage.retryJob(await theJob(storage));
    },
  },
  {
    name: "a merge fails for good and is retried",
    texts: ["a", "b"],
    mostFailures: 1,
    prepare: twoArchives,
    run: async (storage, note) => {
      await storage.failJob(await claimed(storage, note, merges), final);
      await storage.retryJob(await theJob(storage));
    },
  },
  {
    name: "a text is cancelled while it waits, while it was given back, and while it is at work",
    texts: ["book"],
    mostFailures: 1,
    prepare: oneText,
    run: async (storage, note) => {
      const id = await idOf(storage, "book");
      for (const reach of [async () => {}, giveBack, claimed]) {
        await reach(storage, note);
        await storage.cancelJob(id);
        await storage.retryJob(id);
      }
    },
  },
  {
    name: "a merge is cancelled",
    texts: ["a", "b"],
    mostFailures: 1,
    prepare: twoArchives,
    run: async (storage, note) => storage.cancelJob((await claimed(storage, note, merges)).id),
  },
];

async function giveBack(storage: Storage, note: (attempt: Attempt) => void): Promise<void> {
  await storage.abandonJob(await claimed(storage, note), true);
}

/** A worker was lost at some point, and another recovers what it has left. */
function recovery(name: string, texts: readonly string[], lose: (place: LocalPlace) => Promise<unknown>): Scenario {
  return {
    name: `recovery of ${name}`,
    texts,
    mostFailures: 3,
    prepare: async (place) => {
      await lose(place);
      place.pass(GRACE_MS + 1_000);
    },
    run: (storage) => Promise.resolve(storage.reclaimStale()),
  };
}

async function loseTimes(place: LocalPlace, times: number, wanted = {}): Promise<void> {
  const storage = place.open();
  for (let i = 0; i < times; i++) {
    if (i > 0) {
      place.pass(GRACE_MS + 1_000);
      await storage.reclaimStale();
    }
    await storage.spillChunk(await claim(storage, wanted), "part-0", new Uint8Array(10));
  }
}

const recoveries: readonly Scenario[] = [
  recovery("a lost attempt", ["book"], async (place) => {
    await oneText(place);
    await loseTimes(place, 1);
  }),
  recovery("a text whose third worker was lost", ["book"], async (place) => {
    await oneText(place);
    await loseTimes(place, 3);
  }),
  recovery("a merge whose third worker was lost", ["a", "b"], async (place) => {
    await twoArchives(place);
    await loseTimes(place, 3, merges);
  }),
  recovery("a claim of two archives that has one", ["a", "b"], async (place) => {
    await twoArchives(place);
    await crashBefore("input-1", () => claim(place.open(), merges));
  }),
  recovery("a job that was completed but not published", ["book", "book"], async (place) => {
    await publish(place, "book", "old words.\n");
    await oneText(place);
    const storage = place.open();
    await crashBefore("archives/book.2", async () => finish(storage, await claim(storage)));
  }),
  recovery("a merge that was published but not tidied away", ["a", "b"], async (place) => {
    await twoArchives(place);
    const storage = place.open();
    const attempt = await claim(storage, merges);
    await handOver(storage, attempt);
    await crashBefore("remove", async () => storage.completeJob(attempt));
  }),
  recovery("a text that was being put aside", ["book"], async (place) => {
    await oneText(place);
    const storage = place.open();
    const attempt = await claim(storage);
    await crashBefore("failed/book", async () => storage.failJob(attempt, final));
  }),
];

export const scenarios: readonly Scenario[] = [...workers, ...failing, ...recoveries];

/** Do something; once, before the first change whose name has this piece, let another have its turn. */
export async function withInterruption<T>(piece: string, turn: () => unknown, work: () => Promise<T>): Promise<T> {
  let hasHad = false;
  const restore = interceptChanges((change) => {
    if (hasHad || !change.includes(piece)) return;
    hasHad = true;
    turn();
  });
  try {
    return await work();
  } finally {
    restore();
    expect(hasHad).toBe(true);
  }
}
