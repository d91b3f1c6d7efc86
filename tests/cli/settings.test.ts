// What a fleet's commands say where the environment does not tell them enough: all that is missing, at once.
import { expect, test } from "bun:test";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binary, call } from "../support/binary.ts";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder();
writeFileSync(join(folder, "book.txt"), "one two.\n");

const all = {
  DATABASE_URL: "postgres://user:hunter2@127.0.0.1:1/fold",
  DO_SPACES_ENDPOINT: "http://127.0.0.1:1",
  DO_SPACES_REGION: "region",
  DO_SPACES_ACCESS_KEY: "key",
  DO_SPACES_SECRET_KEY: "hunter2",
};
const names = Object.keys(all) as (keyof typeof all)[];

/** The environment with none of them but these. */
function only(given: Partial<typeof all>): Record<string, string> {
  return { ...Object.fromEntries(names.map((name) => [name, ""])), STORAGE_BACKEND: "cloud", ...given };
}

const commands = [
  ["worker"],
  ["submit", "book.txt"],
  ["status"],
  ["jobs"],
  ["archives"],
  ["get", "book"],
  ["url", "book"],
  ["gc"],
  ["retry", "book"],
  ["cancel", "book"],
].map((args) => [args.join(" "), args] as const);

test.each(commands)("fold %s without settings names all five", async (_, args) => {
  const { exit, stdout, stderr } = await call(args, { env: only({}), cwd: folder });
  expect([exit, stdout]).toEqual([2, ""]);
  expect(stderr).toStartWith(`fold: ${names.join(", ")} are not set\nhint: set DATABASE_URL to postgres://`);
  expect(stderr).toContain("DO_SPACES_...");
});

const { DATABASE_URL, DO_SPACES_ENDPOINT, DO_SPACES_REGION, DO_SPACES_ACCESS_KEY, DO_SPACES_SECRET_KEY } = all;
const halves: [given: Partial<typeof all>, message: string][] = [
  [{ DATABASE_URL }, "DO_SPACES_ENDPOINT, DO_SPACES_REGION, DO_SPACES_ACCESS_KEY, DO_SPACES_SECRET_KEY are not set"],
  [{ DO_SPACES_ENDPOINT, DO_SPACES_REGION, DO_SPACES_ACCESS_KEY, DO_SPACES_SECRET_KEY }, "DATABASE_URL is not set"],
  [{ ...all, DO_SPACES_SECRET_KEY: "" }, "DO_SPACES_SECRET_KEY is not set"],
  [{ ...all, DATABASE_URL: "", DO_SPACES_REGION: "" }, "DATABASE_URL, DO_SPACES_REGION are not set"],
  [{ ...all, DATABASE_URL: "hunter2" }, "DATABASE_URL is no URL"],
  [{ ...all, DATABASE_URL: "postgres://user:hunter2@host:port/fold" }, "DATABASE_URL is no URL"],
  [{ ...all, DATABASE_URL: "postgres://user:hunter2%@host/fold" }, "DATABASE_URL has a %"],
  [{ ...all, DATABASE_URL: "mysql://user:hunter2@host/fold" }, "DATABASE_URL does not begin with postgres://"],
  [{ ...all, DATABASE_URL: "postgres://user:hunter2@host/fold?sslmode=no" }, "DATABASE_URL cannot have this sslmode"],
];
test.each(halves)("half of the settings: %j", async (given, message) => {
  for (const args of [["worker"], ["status", "--json"]]) {
    const { exit, stdout, stderr } = await call(args, { env: { ...only(given), FOLD_DEBUG: "1" }, cwd: folder });
    expect([exit, stderr]).toEqual([2, expect.stringContaining(`fold: ${message}`)]);
    expect(stdout + stderr).not.toContain("hunter2");
  }
});

test.each([["worker"], ["doctor"]])(
  "fold %s: a storage that is misspelt is not taken for a fleet's",
  async (command) => {
    const { exit, stderr } = await call([command], { env: { ...all, STORAGE_BACKEND: "Spaces" }, cwd: folder });
    expect([exit, stderr]).toEqual([2, expect.stringContaining('fold: STORAGE_BACKEND cannot be "Spaces"')]);
  },
);

test.each(["fold-input/temp", "two words", "..", "a..b", "ab", "-x-", "fold\u00fc"])(
  "a bucket cannot be called %j",
  async (bucket) => {
    for (const name of ["DO_SPACES_BUCKET_TEMP", "DO_SPACES_INPUT_BUCKET"]) {
      const { exit, stderr } = await call(["jobs"], { env: { ...only(all), [name]: bucket }, cwd: folder });
      expect([exit, stderr]).toEqual([2, expect.stringContaining(`fold: ${name} cannot be ${JSON.stringify(bucket)}`)]);
    }
  },
);

test("the doctor's advice is under the name that the program was called by", async () => {
  const link = join(folder, "orthofold");
  symlinkSync(binary, link);
  const child = Bun.spawn([link, "doctor", "--json"], { env: { ...process.env, ...only({}) }, stderr: "ignore" });
  const [stdout, exit] = await Promise.all([child.stdout.text(), child.exited]);
  const { checks } = JSON.parse(stdout) as { checks: { name: string; fix: string }[] };
  expect([exit, checks.map(({ name }) => name)]).toEqual([1, ["database: settings", "Spaces: settings"]]);
  for (const { fix } of checks) expect(fix).toContain("`orthofold help environment`");
});
