// Jobs of one name: texts that came one after the other share an id, and each of them can be reached.
import { afterAll, expect, test } from "bun:test";
import { changeJobs } from "../../src/cli/change-jobs.ts";
import type { CommandIo } from "../../src/cli/command.ts";
import { LocalPlace } from "../storage/local-place.ts";
import { claim, failure, finish, idOf } from "../storage/place.ts";
import { call } from "../support/binary.ts";

const places: LocalPlace[] = [];
afterAll(async () => {
  for (const place of places) await place.remove();
});

function newPlace(): LocalPlace {
  const place = new LocalPlace();
  places.push(place);
  return place;
}

/** Jobs as "name state". */
async function statesOf(place: LocalPlace): Promise<string[]> {
  return (await place.open().listJobs()).map(({ name, state }) => `${name} ${state}`).sort();
}

test("of two jobs of one name that were put aside, a retry takes one after the other", async () => {
  const place = newPlace();
  const storage = place.open();
  const texts: string[] = [];
  for (const text of ["first words.\n", "second words.\n"]) {
    await place.putText("book", text);
    await storage.failJob(await claim(storage), { ...failure, isFinal: true });
  }
  const id = (await storage.listJobs())[0].id;
  for (const wanted of ["book", id]) {
    const { exit, stdout } = await call(["retry", wanted, "--state-dir", place.folder]);
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: "book: waits again\n" });
    const attempt = await claim(storage);
    texts.push(new TextDecoder().decode(await storage.readText(attempt)));
    await finish(storage, attempt);
  }
  expect(texts).toEqual(["first words.\n", "second words.\n"]);
});

test("of two jobs of one name, the running one is cancelled before the one that waits", async () => {
  const place = newPlace();
  const storage = place.open();
  await place.putText("log", "old words.\n");
  await claim(storage);
  await place.putText("log", "new words.\n");
  const id = (await storage.listJobs())[0].id;
  expect((await call(["cancel", "log", "--state-dir", place.folder])).exit).toBe(0);
  expect(await statesOf(place)).toEqual(["log failed", "log waiting"]);
  expect(await Bun.file(`${place.folder}/failed/log.txt`).text()).toBe("old words.\n");
  expect((await call(["cancel", id, "--state-dir", place.folder])).exit).toBe(0);
  expect(await statesOf(place)).toEqual(["log failed", "log failed"]);
});

test("a name that two jobs of different ids have is refused with both", async () => {
  const place = newPlace();
  const storage = place.open();
  await place.putText("one", "some words.\n");
  const id = await idOf(storage, "one");
  await place.putText(id, "other words.\n");
  const { exit, stderr } = await call(["cancel", id, "--state-dir", place.folder]);
  expect(exit).toBe(2);
  expect(stderr).toContain(`2 jobs are called ${id}`);
  for (const job of await storage.listJobs()) expect(stderr).toContain(job.id);
});

test("several that cannot be changed end as one of them does", async () => {
  const { folder } = newPlace();
  expect((await call(["retry", "one", "two", "--state-dir", folder])).exit).toBe(5);
});

test("a signal ends it between two jobs", async () => {
  const place = newPlace();
  const storage = place.open();
  for (const name of ["one", "two", "three"]) await place.putText(name, `words of ${name}.\n`);
  const stop = new AbortController();
  const io = {
    output: { line: () => {}, json: () => {}, warn: () => {} },
    signal: stop.signal,
    config: { stateDir: place.folder },
  } as unknown as CommandIo;
  const args = { parameters: ["one", "two", "three"], flags: { json: false, stateDir: null, storageBackend: "local" } };
  const act = async (_: unknown, id: string) => {
    await storage.cancelJob(id);
    stop.abort();
  };
  const changed = changeJobs(args, io, { outcome: "cancelled", states: ["waiting"], act });
  await expect(changed).rejects.toMatchObject({
    code: "interrupted",
    message: "stopped before two and what follows it",
  });
  expect(await statesOf(place)).toEqual(["one failed", "three waiting", "two waiting"]);
});
