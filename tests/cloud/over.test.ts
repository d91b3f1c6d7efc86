// A merge that was put aside, one of whose archives is gone then: what each command says of it, and how it goes on.
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { claimMerge } from "../../src/db/claim-merge.ts";
import { call, jsonLines, must } from "../support/binary.ts";
import { connect } from "../support/database.ts";
import { type Fleet, withFleet } from "../support/fleet.ts";

const NAME = "one + two";

/** A batch of two texts that are folded, and a worker is merging them: the id of the merge. */
async function mergeUnderWay({ folder, env, databaseUrl }: Fleet): Promise<string> {
  writeFileSync(join(folder, "one.txt"), "all the readers. his case of.\n");
  writeFileSync(join(folder, "two.txt"), "all his, the case, readers of. and so on it goes with them.\n");
  await must(["submit", "one.txt", "two.txt", "--merge"], { env, cwd: folder });
  for (let i = 0; i < 2; i++) await must(["worker", "--mode", "one-shot"], { env });
  const job = await claimMerge(await connect(databaseUrl), { worker: "w", options: null, scope: "batches" });
  if (job?.name !== NAME) throw new Error(`claimed ${job?.name}`);
  return job.jobId;
}

test("retry says that it is over, its history stays, and the batch goes on when it is submitted again", async () => {
  await withFleet(async (fleet) => {
    const { env, folder } = fleet;
    const id = await mergeUnderWay(fleet);
    await must(["cancel", NAME], { env });
    // It can still be tried, and is listed.
    expect(await must(["jobs"], { env })).toContain(id);
    await must(["archives", "rm", "one"], { env });
    const said = "cannot be tried again: an archive of it went into another merge, or was removed";
    const retried = await call(["retry", NAME], { env });
    expect([retried.exit, retried.stderr]).toEqual([5, expect.stringContaining(`job ${id} ${said}`)]);
    for (const command of ["retry", "cancel"]) {
      const { exit, stderr } = await call([command, id], { env });
      expect([exit, stderr]).toEqual([
        5,
        expect.stringContaining(`there is no job ${id} that waits, runs or can be tried again`),
      ]);
    }
    expect(await must(["jobs", "--json"], { env })).toBe("");
    expect(JSON.parse(await must(["status", "--json"], { env }))).toMatchObject({ failed: 0, jobs: [] });
    expect(await must(["jobs", "--all"], { env })).toMatch(new RegExp(`${id}  failed .*cancelled: an archive of it`));
    const lines = (await must(["jobs", id], { env })).trimEnd().split("\n");
    expect(lines.slice(1).map((line) => /\b(cancelled|retried)\b/.exec(line)?.[1])).toEqual(["cancelled", "cancelled"]);
    const submit = await must(["submit", "one.txt", "two.txt", "--merge", "--json"], { env, cwd: folder });
    expect(jsonLines(submit)).toMatchObject([{ jobs: [{ new: true }] }, { jobs: [{ new: false }] }]);
    await must(["worker"], { env });
    const archives = jsonLines(await must(["archives", "--json"], { env }));
    expect(archives).toMatchObject([{ lineage: '("one" "two")' }]);
    // The same two, in another merge.
    const all = jsonLines(await must(["jobs", "--all", "--json"], { env }));
    expect(all.filter(({ name }) => name === NAME).map(({ status }) => status)).toEqual(["failed", "completed"]);
  });
});
