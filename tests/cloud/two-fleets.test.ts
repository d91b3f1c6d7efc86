// Two databases at work in the same buckets: `fold gc` of neither deletes what the other one has. Of the compiled
// executable, real databases and a real gateway.
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Bucket } from "../../src/s3/bucket.ts";
import { Connection } from "../../src/s3/connection.ts";
import { newArchiveKey, prefixes, signaturesBelow } from "../../src/storage/cloud/keys.ts";
import { call, jsonLines, must } from "../support/binary.ts";
import { dropDatabase, makeDatabase, newDatabase, restored } from "../support/database.ts";
import { type Fleet, withFleet } from "../support/fleet.ts";
import { keysOf, newBucketName, removeBucketAndAll, spaces } from "../support/spaces.ts";

type Env = Readonly<Record<string, string>>;

interface Doctor {
  readonly checks: readonly { readonly name: string; readonly ok: boolean | null; readonly what: string }[];
}

const gc = ["gc", "--inputs", "--grace", "0s", "--json"];

/** Run `body` with a fleet and the environment of another one, whose buckets are the same unless they are changed. */
async function withTwo(body: (fleet: Fleet, second: Env) => Promise<void>, changes: Env = {}): Promise<void> {
  await withFleet(async (fleet) => {
    const url = await makeDatabase();
    try {
      await body(fleet, { ...fleet.env, ...changes, DATABASE_URL: url });
    } finally {
      await dropDatabase(url);
    }
  });
}

/** Fold a text: its archive has the name that is given. */
async function fold({ folder }: Fleet, env: Env, name: string): Promise<void> {
  writeFileSync(join(folder, `${name}.txt`), `all the ${name}. his case of. all his, the case, ${name} of.\n`);
  await must(["submit", `${name}.txt`], { env, cwd: folder });
  await must(["worker"], { env, cwd: folder });
}

/** All objects, by what their buckets are for. */
async function objects({ buckets }: Fleet): Promise<string[]> {
  const found: string[] = [];
  for (const [use, bucket] of Object.entries(buckets))
    found.push(...(await keysOf(bucket)).map((key) => `${use} ${key}`));
  return found.sort();
}

/** Calls gc, which must refuse because of a database, and delete nothing. */
async function refuses(fleet: Fleet, env: Env, other: string, args: readonly string[] = []): Promise<void> {
  const before = await objects(fleet);
  const { exit, stdout } = await call([...gc, ...args], { env });
  const error = { code: "conflict", message: expect.stringContaining(new URL(other).pathname) };
  expect([exit, JSON.parse(stdout)]).toMatchObject([1, { error }]);
  expect(await objects(fleet)).toEqual(before);
}

async function isAllThere({ folder }: Fleet, env: Env, name: string): Promise<void> {
  await must(["get", name, "--out", `${name}.got`, "--force"], { env, cwd: folder });
}

/** The keys by which databases have signed the buckets. */
async function signatures({ buckets }: Fleet): Promise<string[]> {
  const keys: string[] = [];
  for (const use of ["input", "results", "temp"] as const) {
    for await (const page of buckets[use].list(signaturesBelow(prefixes[use])))
      keys.push(...page.map(({ key }) => key));
  }
  return keys;
}

/** Make the buckets as older versions have left them. */
async function unsign(fleet: Fleet): Promise<void> {
  const keys = await signatures(fleet);
  for (const bucket of Object.values(fleet.buckets)) await bucket.remove(keys);
}

async function doctor(env: Env, role = "worker") {
  const { exit, stdout } = await call(["doctor", "--role", role, "--json"], { env });
  const { checks } = JSON.parse(stdout) as Doctor;
  return { exit, checks, bad: checks.filter(({ ok }) => ok === false).map(({ name }) => name) };
}

/** A database as messages name it. */
function placeOf({ databaseUrl }: Fleet): string {
  const { host, pathname } = new URL(databaseUrl);
  return `${host}${pathname}`;
}

test("gc of neither deletes anything, and with --take-over what the other one has left", async () => {
  await withTwo(async (fleet, second) => {
    await fold(fleet, fleet.env, "first");
    await fold(fleet, second, "second");
    for (const args of [[], ["--dry-run"]]) {
      await refuses(fleet, fleet.env, second.DATABASE_URL!, args);
      await refuses(fleet, second, fleet.databaseUrl, args);
    }
    await isAllThere(fleet, fleet.env, "first");
    await isAllThere(fleet, second, "second");
    const told = JSON.parse(await fleet.must([...gc, "--take-over", "--dry-run"]));
    expect(told).toMatchObject({ archives: 1, deleted: false });
    // That was only a question.
    await refuses(fleet, fleet.env, second.DATABASE_URL!);
    expect(JSON.parse(await fleet.must([...gc, "--take-over"]))).toEqual({ ...told, deleted: true });
    await isAllThere(fleet, fleet.env, "first");
    expect(JSON.parse(await fleet.must(gc))).toMatchObject({ archives: 0, deleted: true });
    await refuses(fleet, second, fleet.databaseUrl);
    // Who has lost the buckets and goes on in them all the same has something in them again.
    await fold(fleet, second, "third");
    await refuses(fleet, fleet.env, second.DATABASE_URL!);
    await isAllThere(fleet, second, "third");
  });
});

test("one bucket of three that two share is enough, whichever it is", async () => {
  for (const use of ["INPUT", "RESULTS", "TEMP"]) {
    const own = Object.fromEntries(
      ["INPUT", "RESULTS", "TEMP"]
        .filter((other) => other !== use)
        .map((other) => [`DO_SPACES_BUCKET_${other}`, newBucketName()]),
    );
    await withTwo(async (fleet, second) => {
      await must(["setup"], { env: second });
      await fold(fleet, fleet.env, "first");
      await fleet.must(gc);
      await fold(fleet, second, "second");
      await refuses(fleet, second, fleet.databaseUrl);
      await isAllThere(fleet, second, "second");
      await isAllThere(fleet, fleet.env, "first");
      await must([...gc, "--take-over"], { env: second, cwd: fleet.folder });
      for (const name of Object.values(own)) await removeBucketAndAll(new Bucket(new Connection(spaces), name));
    }, own);
  }
});

test("buckets that nobody has signed yet are its whose gc comes first", async () => {
  await withTwo(async (fleet, second) => {
    await fold(fleet, fleet.env, "first");
    await fold(fleet, second, "second");
    await unsign(fleet);
    // A dry run changes nothing; nor does a database without jobs, which can only be the wrong one.
    await fleet.must([...gc, "--dry-run"]);
    const empty = { ...second, DATABASE_URL: await newDatabase() };
    expect(await call(gc, { env: empty })).toMatchObject({
      exit: 1,
      stdout: expect.stringContaining("never had a job"),
    });
    expect(await signatures(fleet)).toEqual([]);
    await fleet.must(gc);
    expect((await signatures(fleet)).length).toBe(3);
    await isAllThere(fleet, fleet.env, "first");
    await refuses(fleet, second, fleet.databaseUrl);
  });
});

test("a dump that is restored is the same fleet, and goes on", async () => {
  await withFleet(async (fleet) => {
    await fold(fleet, fleet.env, "before");
    const url = await restored(fleet.databaseUrl);
    try {
      const env = { ...fleet.env, DATABASE_URL: url };
      await fold(fleet, env, "after");
      await fleet.buckets.results.put(newArchiveKey(), new Uint8Array(10));
      expect(JSON.parse(await must(gc, { env }))).toMatchObject({ archives: 1, size_bytes: expect.any(Number) });
      for (const name of ["before", "after"]) await isAllThere(fleet, env, name);
      expect((await doctor(env)).bad).toEqual([]);
    } finally {
      await dropDatabase(url);
    }
  });
});

test("the doctor tells of buckets that are another's, whatever they are looked at for", async () => {
  await withTwo(async (fleet, second) => {
    await fleet.must(["setup"]);
    await fold(fleet, fleet.env, "first");
    await fleet.must(gc);
    const { input, results, temp } = fleet.buckets;
    const names = (...buckets: (typeof input)[]) => buckets.map(({ name }) => `${name}: fleet`);
    const roles = { all: names(input, results, temp), worker: names(input, results, temp) };
    for (const [role, bad] of Object.entries({ ...roles, submit: names(input), read: names(results) })) {
      expect(await doctor(fleet.env, role)).toMatchObject({ exit: 0, bad: [] });
      const report = await doctor(second, role);
      expect(report).toMatchObject({ exit: 1, bad });
      expect(report.checks.at(-1)?.what).toContain(`there is something of database ${placeOf(fleet)} in it`);
    }
    // What it has looked at it has not signed.
    await fleet.must(gc);
  });
});

test("collect, which knows no databases, sees no archive in a signature", async () => {
  await withFleet(async (fleet) => {
    await fold(fleet, fleet.env, "first");
    expect((await signatures(fleet)).length).toBe(2);
    const lines = jsonLines(await fleet.must(["collect", "--dry-run", "--json"]));
    const [key] = await keysOf(fleet.buckets.results);
    expect(lines.filter(({ event }) => event === "archive")).toMatchObject([{ key, fate: "kept" }]);
    expect(lines.at(-1)).toMatchObject({ event: "end", kept: 1, damaged: 0 });
  });
});
