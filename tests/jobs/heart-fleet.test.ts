// The thread of heartbeats and a database that takes its time to answer.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { Heart } from "../../src/jobs/heart.ts";
import type { Attempt } from "../../src/storage/port.ts";
import { type CloudPlace, CloudPlaces } from "../storage/cloud-place.ts";
import { claim } from "../storage/place.ts";
import { asOwner } from "../support/database.ts";

const OFTEN_MS = 10;
const places = new CloudPlaces();
let place: CloudPlace;
let attempt: Attempt;
let told: string[];
let heart: Heart;

beforeEach(async () => {
  place = await places.make();
  await place.putText("book", "one two.");
  attempt = await claim(place.open());
  told = [];
});

afterEach(async () => {
  heart.close();
  await place.remove();
});

function watchFor(grace_ms: number): void {
  heart = new Heart({ ...place.config, grace_ms }, OFTEN_MS, {
    onLost: ({ name }) => told.push(`lost ${name}`),
    onMissed: ({ name }) => told.push(`missed ${name}`),
  });
  heart.watch(attempt);
}

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await Bun.sleep(10);
}

/** Let heartbeats wait for an answer while something is done. */
function whileTheyWait(act: () => Promise<void>): Promise<void> {
  const { databaseUrl } = place.config;
  return asOwner(async (sql) => {
    await sql.begin(async (holder) => {
      await holder`select from job_locks for update`;
      await until(() =>
        asOwner(async (other) => {
          const waiting = await other`select from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'`;
          return waiting.length > 0;
        }, databaseUrl),
      );
      await act();
    });
  }, databaseUrl);
}

/** How long ago the last heartbeat was, in ms, by the clock of the database. */
function silence_ms(): Promise<number> {
  return asOwner(async (sql) => {
    const [{ ms }] = await sql<{ ms: number }[]>`
      select extract(epoch from clock_timestamp() - heartbeat_at)::float8 * 1000 as ms from job_locks`;
    return ms;
  }, place.config.databaseUrl);
}

test("a heartbeat without an answer: the attempt counts as lost before it can be given away", async () => {
  watchFor(1_000);
  await whileTheyWait(() => until(() => told.length > 0));
  expect(told).toEqual(["lost book"]);
});

test("an attempt that is over while a heartbeat is under way gets no more of them, and nothing is told", async () => {
  watchFor(60_000);
  await whileTheyWait(() => {
    heart.rest(attempt);
    return Promise.resolve();
  });
  await until(async () => (await silence_ms()) > 50 * OFTEN_MS);
  expect(told).toEqual([]);
});
