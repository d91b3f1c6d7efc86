// A worker that has run out of work, as the database sees it: by its own clock.
import { expect, test } from "bun:test";
import { type Fleet, withFleet } from "../support/fleet.ts";

/** The least that lies between a claim and the next, in ms: half of waits that double. */
const SHORTEST_MS = [25, 50, 100, 200, 400, 800, 1_600];
/** A timer counts whole milliseconds. */
const GRAIN_MS = 2;

/** From now on the database notes when it is asked for a job. */
async function noteClaims(fleet: Fleet): Promise<void> {
  const parameters = ["text", "uuid", "uuid", "bigint", "bigint", "boolean", "text", "text"];
  await fleet.sql(`
    create table looks (at_ms float8);
    alter function claim_job rename to claim_job_itself;
    create function claim_job(${parameters}) returns setof jobs language plpgsql as $$ begin
      insert into looks values (extract(epoch from clock_timestamp()) * 1000);
      return query select * from claim_job_itself(${parameters.map((_, i) => `$${i + 1}`)});
    end $$`);
}

test("a worker with --stay asks ever more seldom", async () => {
  await withFleet(async (fleet) => {
    await noteClaims(fleet);
    const { child, ended } = fleet.worker({ machine: "idle" }, ["--stay"]);
    let times: number[] = [];
    await fleet.until(async () => {
      times = (await fleet.sql<{ at_ms: number }>("select at_ms from looks order by at_ms")).map(({ at_ms }) => at_ms);
      return times.length > SHORTEST_MS.length;
    });
    child.kill("SIGTERM");
    // A loaded machine makes waits longer, and nothing makes them shorter.
    const tooShort = SHORTEST_MS.filter((least_ms, i) => times[i + 1] - times[i] < least_ms - GRAIN_MS);
    expect(tooShort).toEqual([]);
    expect((await ended).exit).toBe(0);
  });
});
