// fold setup and fold doctor as a user has them: the executable, against the real gateway, with buckets of their own.
import { afterAll, expect, test } from "bun:test";
import { Bucket } from "../../src/s3/bucket.ts";
import { Connection } from "../../src/s3/connection.ts";
import { call, start } from "../support/binary.ts";
import { newDatabase } from "../support/database.ts";
import { startProxy } from "../support/proxy.ts";
import { newBucketName, removeBucketAndAll, spaces } from "../support/spaces.ts";

const names = { input: newBucketName(), results: newBucketName(), temp: newBucketName() };
const env = {
  DATABASE_URL: await newDatabase(),
  DO_SPACES_BUCKET_INPUT: names.input,
  DO_SPACES_BUCKET_RESULTS: names.results,
  DO_SPACES_BUCKET_TEMP: names.temp,
};
const connection = new Connection(spaces);
const buckets = Object.values(names).map((name) => new Bucket(connection, name));
afterAll(async () => {
  for (const bucket of buckets) await removeBucketAndAll(bucket);
});

interface Report {
  readonly ok: boolean;
  readonly checks: readonly {
    readonly name: string;
    readonly ok: boolean | null;
    readonly what: string;
    readonly fix: string | null;
  }[];
}

async function doctor(changes: Record<string, string> = {}): Promise<Report & { readonly exit: number }> {
  const { exit, stdout } = await call(["doctor", "--json"], { env: { ...env, ...changes } });
  return { ...(JSON.parse(stdout) as Report), exit };
}

async function leftKeys(): Promise<string[]> {
  const keys: string[] = [];
  for (const bucket of buckets) for await (const page of bucket.list("")) keys.push(...page.map(({ key }) => key));
  return keys;
}

test("before the setup something is wrong, after it nothing; nothing is left behind", async () => {
  const before = await doctor();
  expect(before).toMatchObject({ exit: 1, ok: false });
  const wrong = before.checks.filter(({ ok }) => ok === false);
  expect(wrong.map(({ name }) => name)).toEqual(Object.values(names).map((name) => `${name}: is there`));
  for (const { fix } of wrong) expect(fix).toContain("fold setup");

  const first = await call(["setup", "--json"], { env });
  expect(first.exit).toBe(0);
  const made = (is_new: boolean) => Object.values(names).map((name) => ({ name, is_new, rules_changed: is_new }));
  expect(JSON.parse(first.stdout)).toEqual({ buckets: made(true) });
  expect(JSON.parse((await call(["setup", "--json"], { env })).stdout)).toEqual({ buckets: made(false) });

  const after = await doctor();
  expect(after).toMatchObject({ exit: 0, ok: true });
  expect(after.checks.every(({ ok }) => ok)).toBe(true);
  expect(after.checks.some(({ name }) => name === `${names.temp}: conditional writes`)).toBe(true);
  const times = after.checks.filter(({ name }) => name.endsWith(": latency") && !name.startsWith("database"));
  expect(times.map(({ name }) => name)).toEqual(Object.values(names).map((name) => `${name}: latency`));
  for (const { what } of times) expect(what).toMatch(/^an answer takes \d+\.\d ms$/);
  expect(await leftKeys()).toEqual([]);
});

test("other names of the variables", async () => {
  const { DO_SPACES_BUCKET_TEMP } = env;
  const { DATABASE_URL } = env;
  const others = {
    DATABASE_URL,
    DO_SPACES_INPUT_BUCKET: names.input,
    DO_SPACES_ARCHIVE_BUCKET: names.results,
    DO_SPACES_BUCKET_TEMP,
  };
  const { exit, stdout } = await call(["doctor"], { env: others });
  expect([exit, stdout]).toEqual([0, expect.stringContaining("all is well")]);
});

test("a wrong secret and a wrong key are told, never shown", async () => {
  for (const name of ["DO_SPACES_SECRET_KEY", "DO_SPACES_ACCESS_KEY"]) {
    const wrong = "WRONG0123456789";
    const { exit, stdout, stderr } = await call(["doctor"], { env: { ...env, [name]: wrong, FOLD_DEBUG: "1" } });
    expect(exit).toBe(1);
    expect(stdout).toContain(name);
    expect(stdout + stderr).not.toContain(wrong);
    const setup = await call(["setup"], { env: { ...env, [name]: wrong, FOLD_DEBUG: "1" } });
    expect([setup.exit, setup.stderr]).toEqual([4, expect.stringContaining(name)]);
    expect(setup.stdout + setup.stderr).not.toContain(wrong);
    expect(setup.stdout + setup.stderr).not.toContain(spaces.secretKey);
  }
});

test("who works with Spaces alone needs no database", async () => {
  const report = await doctor({ STORAGE_BACKEND: "spaces", DATABASE_URL: "" });
  expect(report).toMatchObject({ exit: 0, ok: true });
  expect(report.checks.filter(({ name }) => name.startsWith("database"))).toEqual([]);
});

test("Ctrl-C in the middle leaves nothing", async () => {
  let written: (() => void) | null = null;
  const isWritten = new Promise<void>((resolve) => {
    written = resolve;
  });
  // The first answer with bytes of an object comes slowly, so that the stop falls into it.
  const proxy = await startProxy(spaces.endpoint, ({ method, path }) => {
    if (method !== "GET" || path.includes("list-type")) return null;
    written?.();
    return { kind: "slow", piece_bytes: 1 };
  });
  try {
    const { child, ended } = start(["doctor"], { env: { ...env, DO_SPACES_ENDPOINT: proxy.endpoint } });
    await isWritten;
    child.kill("SIGINT");
    expect((await ended).exit).toBe(130);
    expect(await leftKeys()).toEqual([]);
  } finally {
    await proxy.close();
  }
});

test("a clock that is ten minutes off, and one that is refused for it", async () => {
  const proxy = await startProxy(spaces.endpoint, () => ({ kind: "clock", ahead_ms: 600_000 }));
  const { exit, checks } = await doctor({ DO_SPACES_ENDPOINT: proxy.endpoint });
  await proxy.close();
  expect(exit).toBe(1);
  expect(checks.find(({ name }) => name === "Spaces: key and clock")).toMatchObject({
    ok: false,
    what: expect.stringMatching(/^the clock there is (599|600|601) s ahead of the one here$/),
    fix: expect.stringContaining("timedatectl"),
  });
  const body = '<?xml version="1.0"?><Error><Code>RequestTimeTooSkewed</Code></Error>';
  const refusing = await startProxy(spaces.endpoint, () => ({ kind: "status", status: 403, body }));
  const refused = await doctor({ DO_SPACES_ENDPOINT: refusing.endpoint });
  await refusing.close();
  const wrong = refused.checks.filter(({ name, ok }) => name.startsWith("Spaces") && ok === false);
  expect(wrong).toMatchObject([
    { what: expect.stringContaining("clocks differ"), fix: "set the clock of this machine" },
  ]);
  // Nothing was made, so nothing is removed: whoever waits for a far away host should not wait for that.
  expect(refusing.seen.every(({ method }) => method === "GET")).toBe(true);
});

const settings: [changes: Record<string, string>, exit: number, message: string][] = [
  [{ DO_SPACES_ENDPOINT: "" }, 2, "DO_SPACES_ENDPOINT is not set"],
  [{ DO_SPACES_ENDPOINT: "", DO_SPACES_REGION: "" }, 2, "DO_SPACES_ENDPOINT, DO_SPACES_REGION are not set"],
  [{ DO_SPACES_ENDPOINT: "http://192.0.2.1:9000" }, 2, "DO_SPACES_ALLOW_HTTP=1"],
  [{ DO_SPACES_ENDPOINT: "ftp://192.0.2.1" }, 2, "no http or https URL"],
  [{ DO_SPACES_ENDPOINT: "https://user:hunter2@example.com" }, 2, "more than a host"],
  [{ DO_SPACES_BUCKET_TEMP: names.input }, 2, "what passes and what stays"],
];
test.each(settings)("settings: %j", async (changes, exit, message) => {
  const setup = await call(["setup"], { env: { ...env, ...changes } });
  expect([setup.exit, setup.stderr]).toEqual([exit, expect.stringContaining(message)]);
  expect(setup.stderr).not.toContain("hunter2");
  const report = await doctor(changes);
  expect(report).toMatchObject({ exit: 1, ok: false });
  expect(report.checks.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(["Spaces: settings"]);
});
