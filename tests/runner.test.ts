// npm test itself: which files need a server, and what becomes of them where there is none.
import { afterEach, expect, test } from "bun:test";
import { join } from "node:path";
import { Servers } from "../scripts/servers.ts";
import { type Need, splitArguments, testFiles } from "../scripts/test-files.ts";
import { findMissing, needsOfRun, planTests } from "../scripts/test-plan.ts";
import { filesWithoutTests, noReport, parseReport } from "../scripts/test-report.ts";
import { projectFile } from "./support/project.ts";
import { temporaryFolder } from "./support/temporary.ts";

const needs = (path: string) => testFiles([path]).map((file) => file.needs);

test.each<[string, Need[]]>([
  ["tests/core/walk.test.ts", []],
  ["tests/run/stage.test.ts", []],
  ["tests/storage/local.test.ts", []],
  ["tests/s3/cache.test.ts", []],
  ["tests/db/claims.test.ts", ["postgres"]],
  ["tests/db/starter.test.ts", ["own postgres", "postgres"]],
  ["tests/run/spaces.test.ts", ["spaces"]],
  ["tests/storage/spaces.test.ts", ["spaces"]],
  ["tests/storage/cloud.test.ts", ["postgres", "spaces"]],
  ["tests/cloud/chaos.test.ts", ["own postgres", "postgres", "spaces"]],
])("%s needs %j", (path, expected) => {
  expect(needs(path)).toEqual([expected]);
});

test("nobody asks for a server behind the back of the supports", async () => {
  const found: string[] = [];
  for await (const path of new Bun.Glob("tests/**/*.ts").scan(projectFile("."))) {
    const text = await Bun.file(projectFile(path)).text();
    if (/process\.env(\[|\.(DATABASE_URL|DO_SPACES_|SPACES_DIR))/.test(text)) found.push(path);
  }
  // The last of these imports the two before it.
  const supports = ["database", "spaces", "limited-keys"].map((name) => `tests/support/${name}.ts`);
  expect(found.sort()).toEqual(["tests/runner.test.ts", ...supports].sort());
});

test("arguments are files, or options with their values", () => {
  const args = ["./tests/db", "-t", "tests/name", "--bail", "resume", "--timeout", "5"];
  expect(splitArguments(args)).toEqual({
    filters: ["./tests/db", "resume"],
    options: ["-t", "tests/name", "--bail", "--timeout", "5"],
  });
  expect(needsOfRun(["tests/core", "-t", "tests/db"])).toEqual([]);
  expect([...needsOfRun([])].sort()).toEqual(["own postgres", "postgres", "spaces"]);
});

const without = new Map<Need, string>([["postgres", "postgres.sh: install it\nset DATABASE_URL"]]);

test("where nothing is missing all is run as it was asked for", () => {
  expect(planTests(["tests/db", "-t", "x"], new Map(), false)).toMatchObject({
    args: ["tests/db", "-t", "x"],
    leftOut: [],
  });
});

test("files that need what is missing are left out, and told with the reason; the others are run", () => {
  const { args, files, leftOut } = planTests(["storage/clo", "-t", "x"], without, true);
  expect(files).toEqual(["tests/storage/clocks.test.ts"]);
  expect(args).toEqual(["-t", "x", "./tests/storage/clocks.test.ts"]);
  expect(leftOut).toEqual([
    "not run: files that need PostgreSQL, 1 of them",
    "  postgres.sh: install it",
    "  set DATABASE_URL",
    "1 of 2 files of tests were not run",
  ]);
  const all = planTests([], without, true).args ?? [];
  expect(all).toContain("./tests/s3/objects.test.ts");
  expect(all.filter((path) => /\/(db|cloud)\//.test(path))).toEqual([]);
  expect(planTests(["tests/db"], without, true).args).toBeNull();
});

test("with CI set it is an error that names the reason", () => {
  expect(() => planTests([], without, false)).toThrow(/install it\nset DATABASE_URL\nwith CI set/);
});

test("a file is found by its whole path, too", () => {
  const [file] = testFiles([projectFile("tests/db/claims.test.ts")]);
  expect(file).toEqual({ path: "tests/db/claims.test.ts", needs: ["postgres"] });
});

test("a file of which no test is told is found, whatever bun test says of the run", async () => {
  const folder = temporaryFolder();
  const begin = 'import { test } from "bun:test";\n';
  const texts = {
    "good.test.ts": `${begin}test("a & <b>", () => {});`,
    "skips.test.ts": `${begin}test.skip("a", () => {});`,
    "fails.test.ts": `${begin}test("a", () => { throw new Error("no"); });`,
    "empty.test.ts": "",
    "each.test.ts": `${begin}test.each([])("a %s", () => {});`,
    "broken.test.ts": `${begin}import "./none.ts";\ntest("a", () => {});`,
  };
  for (const [name, text] of Object.entries(texts)) await Bun.write(join(folder, "tests", name), text);
  const outfile = join(folder, "junit.xml");
  const command = [process.execPath, "test", "--parallel=2", "--reporter=junit", `--reporter-outfile=${outfile}`];
  await Bun.spawn(command, { cwd: folder, stdout: "ignore", stderr: "ignore" }).exited;
  const report = parseReport(await Bun.file(outfile).text()) ?? noReport;
  expect([report.passed, report.failed, report.skipped]).toEqual([1, 1, 1]);
  const wanted = Object.keys(texts).map((name) => `tests/${name}`);
  const silent = ["empty", "each", "broken"].map((name) => `tests/${name}.test.ts`);
  expect(filesWithoutTests(wanted, report)).toEqual(silent);
  expect(parseReport("")).toBeUndefined();
});

const chaos: string[][] = [["abc"], ["0"], ["1", "seed"], ["--backend", "clud", "1"], ["1", "2", "3"]];
test.each(chaos.map((args) => [args]))(
  "a chaos of %j is refused: it would disturb nobody, and be passed",
  async (args) => {
    const command = [process.execPath, projectFile("scripts/chaos.ts"), ...args];
    const child = Bun.spawn(command, { stdout: "ignore", stderr: "pipe" });
    expect(await child.stderr.text()).toStartWith("usage: npm run test:chaos");
    expect(await child.exited).toBe(2);
  },
);

const { DATABASE_URL, POSTGRES_PORT } = process.env;
afterEach(() => {
  for (const [name, value] of Object.entries({ DATABASE_URL, POSTGRES_PORT })) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

test("a server that does not come up is missing, with what its starter says; so is one that tests want to stop", async () => {
  delete process.env.DATABASE_URL;
  process.env.POSTGRES_PORT = "no port";
  const servers = Servers.start(["postgres"]);
  try {
    const missing = await findMissing(servers, ["postgres", "own postgres"], "linux");
    expect([...missing.keys()]).toEqual(["postgres", "own postgres"]);
    for (const reason of missing.values()) expect(reason).toContain("set DATABASE_URL");
    expect(await servers.variables(["postgres"])).toEqual({});
    expect(servers.variables()).rejects.toThrow("set DATABASE_URL");
  } finally {
    await servers.stop();
  }
});

test("elsewhere than on Linux no server can be stopped and started, also where one is named", async () => {
  process.env.DATABASE_URL = "postgres://127.0.0.1/named";
  const servers = Servers.start(["postgres", "own postgres"]);
  expect(await findMissing(servers, ["postgres"], "darwin")).toEqual(new Map());
  expect([...(await findMissing(servers, ["own postgres"], "darwin")).keys()]).toEqual(["own postgres"]);
  expect(await findMissing(servers, ["own postgres"], "linux")).toEqual(new Map());
});
