import { expect } from "bun:test";
import { existsSync, mkdirSync } from "node:fs";
import type { Attempt, Storage } from "../../../src/storage/port.ts";
import { callsOf } from "../calls.ts";
import {
  type Case,
  claim,
  codeOf,
  failure,
  finish,
  forget,
  GRACE_MS,
  type Need,
  type Place,
  snapshot,
} from "../place.ts";

/** A way in which a worker loses its job, and who has it then. */
interface Loss {
  readonly name: string;
  readonly needs?: Need;
  lose(place: Place, attempt: Attempt): Promise<Attempt | null>;
}

async function reclaim(place: Place): Promise<Storage> {
  await place.pass(GRACE_MS + 1_000);
  const storage = place.open();
  expect(await storage.reclaimStale()).toBe(1);
  return storage;
}

const losses: readonly Loss[] = [
  {
    name: "grew stale and waits",
    needs: "coordination",
    lose: async (place) => {
      await reclaim(place);
      return null;
    },
  },
  {
    name: "grew stale and is another's",
    needs: "coordination",
    lose: async (place) => {
      const successor = await claim(await reclaim(place), { worker: "successor" });
      await place.open().spillChunk(successor, "part-0", new Uint8Array([4, 5]));
      return successor;
    },
  },
  {
    name: "grew stale and was completed by another",
    needs: "coordination",
    lose: async (place) => {
      const storage = await reclaim(place);
      await finish(storage, await claim(storage));
      return null;
    },
  },
  {
    name: "was completed",
    lose: async (place, attempt) => {
      await finish(place.open(), attempt);
      return null;
    },
  },
  {
    name: "was given back",
    lose: async (place, attempt) => {
      await place.open().abandonJob(attempt, true);
      return null;
    },
  },
  {
    name: "was given back and is another's",
    lose: async (place, attempt) => {
      await place.open().abandonJob(attempt, false);
      return await claim(place.open(), { worker: attempt.worker });
    },
  },
  {
    name: "has failed",
    lose: async (place, attempt) => {
      await place.open().failJob(attempt, failure);
      return null;
    },
  },
  {
    name: "was put aside",
    lose: async (place, attempt) => {
      await place.open().failJob(attempt, { ...failure, isFinal: true });
      return null;
    },
  },
  {
    name: "was cancelled",
    lose: async (place, attempt) => {
      await place.open().cancelJob(attempt.id);
      return null;
    },
  },
];

/** What can be seen of the storage and of the attempt that has the job now. */
async function visible(storage: Storage, successor: Attempt | null): Promise<unknown> {
  if (successor === null) return await snapshot(storage);
  const chunks = await storage.listChunks(successor);
  const bytes = await Promise.all(chunks.map((name) => storage.readChunk(successor, name)));
  return { all: await snapshot(storage), text: await storage.readText(successor), chunks, bytes };
}

function lostLeaseCase({ name, needs, lose }: Loss): Case {
  return {
    name: `a job that ${name}: every call of the worker finds the lease lost and changes nothing`,
    ...(needs === undefined ? {} : { needs }),
    run: async (place) => {
      await place.putText("book", "one two three.\n");
      const storage = place.open();
      const attempt = await claim(storage);
      await storage.spillChunk(attempt, "part-0", new Uint8Array([1, 2, 3]));
      const successor = await lose(place, attempt);
      const before = await visible(storage, successor);
      for (const isFolderMadeAnew of [false, true]) {
        for (const [call, act] of Object.entries(callsOf(storage, attempt, place.scratch))) {
          // A thread of a worker that does not know yet makes its folder again, to put its files there.
          if (isFolderMadeAnew) mkdirSync(attempt.folder, { recursive: true });
          expect({ call, code: await codeOf(act) }).toEqual({ call, code: "lease_lost" });
          expect({ call, now: await visible(place.open(), successor) }).toEqual({ call, now: before });
        }
        for (const [call, act] of Object.entries(callsOf(storage, attempt))) {
          expect({ call, code: await codeOf(act) }).toEqual({ call, code: "lease_lost" });
          expect({ call, now: await visible(place.open(), successor) }).toEqual({ call, now: before });
          if (!isFolderMadeAnew) forget(attempt.folder);
        }
      }
      if (successor !== null) await finish(storage, successor);
      await place.pass(GRACE_MS + 1_000);
      await storage.reclaimStale();
      expect(existsSync(attempt.folder)).toBe(false);
    },
  };
}

export const leaseCases: readonly Case[] = losses.map(lostLeaseCase);
