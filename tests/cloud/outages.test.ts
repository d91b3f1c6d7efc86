// Servers that are away for longer than anybody's patience: workers wait for them, and no job is blamed for it.
import { expect, test } from "bun:test";
import { type Fleet, withFleet } from "../support/fleet.ts";
import { OwnPostgres } from "../support/own-postgres.ts";
import { startProxy } from "../support/proxy.ts";
import { samplePath } from "../support/sample.ts";
import { spaces } from "../support/spaces.ts";

/** Longer than a statement waits for a database (src/db/database.ts). */
const AWAY_MS = 35_000;

async function outcomesOf(fleet: Fleet): Promise<(string | null)[]> {
  const runs = await fleet.sql<{ outcome: string | null }>("select outcome from processing_runs order by id");
  return runs.map(({ outcome }) => outcome);
}

test.concurrent("a database that is away while a job runs: its worker goes on when it is back", async () => {
  const server = await OwnPostgres.start();
  try {
    await withFleet(
      async (fleet) => {
        await fleet.must(["submit", samplePath, "--max-dims", "3", "--quiet"]);
        const { ended } = fleet.worker({ machine: "patient" });
        await fleet.until(async () => (await fleet.jobs())[0].status === "processing");
        await server.without(() => Bun.sleep(AWAY_MS));
        expect((await ended).exit).toBe(0);
        expect(await fleet.jobs()).toMatchObject([{ status: "completed", retry_count: 0 }]);
        expect((await outcomesOf(fleet)).at(-1)).toBe("completed");
      },
      { databaseUrl: server.url },
    );
  } finally {
    await server.remove();
  }
});

test.concurrent("Spaces that answers only 503: a job is given back as often as it takes, and not put aside", async () => {
  await withFleet(async (fleet) => {
    await fleet.must(["submit", samplePath, "--quiet"]);
    let isAway = true;
    // The buckets themselves can be looked at: where nothing was ever reached, the address is wrong.
    const isOfObject = (path: string) => /^\/[^/?]+\/[^?]/.test(path);
    const proxy = await startProxy(spaces.endpoint, ({ path }) =>
      isAway && isOfObject(path) ? { kind: "status", status: 503 } : null,
    );
    try {
      const { ended } = fleet.worker({ machine: "calm", endpoint: proxy.endpoint });
      // Until a job that counts failures would have been put aside.
      await fleet.until(async () => (await outcomesOf(fleet)).filter((outcome) => outcome !== null).length >= 3);
      isAway = false;
      const { exit } = await ended;
      expect(await outcomesOf(fleet)).toEqual(["abandoned", "abandoned", "abandoned", "completed"]);
      expect(exit).toBe(0);
      expect(await fleet.jobs()).toMatchObject([{ status: "completed", retry_count: 0 }]);
    } finally {
      await proxy.close();
    }
  });
});

test.concurrent("a database that was never there: the worker says so and ends", async () => {
  await withFleet(async (fleet) => {
    const nowhere = new URL(fleet.databaseUrl);
    nowhere.port = "1";
    const { exit, stderr } = await fleet.worker({ machine: "lost", databaseUrl: nowhere.href }).ended;
    expect(exit).toBe(1);
    expect(stderr).toContain("check that it runs, that host and port are right");
  });
});
