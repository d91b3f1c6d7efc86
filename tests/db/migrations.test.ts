// The schema comes from the migrations alone, whoever runs them and however many at once.
import { expect, test } from "bun:test";
import { cpSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { listJobs } from "../../src/db/list-jobs.ts";
import { checkSchema, migrate, migrationsFolder, readMigrations, schemaState } from "../../src/db/migrations.ts";
import { call } from "../support/binary.ts";
import { asOwner, connect, newDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { codeOf } from "./fixtures.ts";

const root = join(import.meta.dir, "../..");
const scratch = temporaryFolder();
const migrations = await readMigrations();
const names = migrations.map(({ name }) => name);

test("drizzle-kit finds nothing in the schema that is not in the migrations", () => {
  const copy = join(scratch, "drizzle");
  cpSync(migrationsFolder(), copy, { recursive: true });
  const kit = join(root, "node_modules/drizzle-kit/bin.cjs");
  const args = ["generate", "--dialect=postgresql", "--schema=src/db/schema.ts", `--out=${relative(root, copy)}`];
  const child = Bun.spawnSync(["node", kit, ...args], { cwd: root, stdin: "ignore" });
  const said = child.stdout.toString() + child.stderr.toString();
  expect([child.exitCode, said]).toEqual([0, expect.stringContaining("No schema changes")]);
  expect(readdirSync(copy)).toEqual(readdirSync(migrationsFolder()));
});

test("the numbers of migrations rise, and each has its files", () => {
  const made = migrations.map(({ made_ms }) => made_ms);
  expect(made).toEqual([...new Set(made)].sort((a, b) => a - b));
  const files = readdirSync(migrationsFolder()).filter((file) => file.endsWith(".sql"));
  expect(files.sort()).toEqual(names.map((name) => `${name}.sql`));
  for (const name of names) expect(name).toMatch(/^\d{4}_[a-z0-9-]+$/);
});

test.each(["read committed", "serializable"])("from empty, ten at once: one works, nine wait (%s)", async (level) => {
  const url = await newDatabase(false);
  const name = new URL(url).pathname.slice(1);
  await asOwner((sql) => sql.unsafe(`alter database ${name} set default_transaction_isolation = '${level}'`));
  const databases = await Promise.all(Array.from({ length: 10 }, () => connect(url, { max: 1 })));
  expect(await codeOf(checkSchema(databases[0]))).toBe("schema");
  expect(await codeOf(listJobs(databases[0]))).toBe("schema");
  const done = await Promise.all(databases.map((database) => migrate(database)));
  expect(done.flat()).toEqual(names);
  expect(done.filter((one) => one.length > 0).length).toBe(1);
  await checkSchema(databases[0]);
  expect(await schemaState(databases[0])).toEqual({ applied: names, pending: [], unknown: 0 });
});

test("from each earlier version, and all of it or nothing", async () => {
  for (let known = 1; known < migrations.length; known++) {
    const database = await connect(await newDatabase(false), { max: 1 });
    expect(await migrate(database, migrations.slice(0, known))).toEqual(names.slice(0, known));
    expect(await codeOf(checkSchema(database))).toBe("schema");
    const bad = { name: "bad", statements: ["create table extra (id int)", "select 1 / 0"], made_ms: 9e12, hash: "" };
    expect(await codeOf(migrate(database, [...migrations, bad]))).toBe("failed");
    expect(await schemaState(database)).toEqual({
      applied: names.slice(0, known),
      pending: names.slice(known),
      unknown: 0,
    });
    expect(await migrate(database)).toEqual(names.slice(known));
  }
});

test("a program that is older than the database refuses, and one whose migrations were edited", async () => {
  const database = await connect(await newDatabase(), { max: 1 });
  const older = migrations.slice(0, -1);
  const refusal = { code: "schema", message: expect.stringContaining("newer"), hint: "get a newer fold" } as const;
  for (const attempt of [checkSchema, migrate]) {
    expect(await attempt(database, older).catch((error: unknown) => error)).toMatchObject(refusal);
  }
  const edited = migrations.map((migration) => ({ ...migration, hash: "other" }));
  for (const attempt of [checkSchema, migrate]) expect(await codeOf(attempt(database, edited))).toBe("schema");
});

test("fold db migrate, ten at once, and fold db status", async () => {
  const env = { DATABASE_URL: await newDatabase(false) };
  const before = await call(["db", "status", "--json"], { env });
  expect(JSON.parse(before.stdout)).toMatchObject({ applied: [], pending: names, unknown: 0, jobs: null });
  expect((await call(["db", "status"], { env })).stdout).toContain("fold db migrate\n");
  const done = await Promise.all(Array.from({ length: 10 }, () => call(["db", "migrate", "--json"], { env })));
  expect(done.map(({ exit, stderr }) => [exit, stderr])).toEqual(done.map(() => [0, ""]));
  expect(done.flatMap(({ stdout }) => (JSON.parse(stdout) as { migrated: string[] }).migrated)).toEqual(names);
  const after = await call(["db", "status", "--json"], { env });
  expect(JSON.parse(after.stdout)).toMatchObject({
    applied: names,
    pending: [],
    jobs: { pending: 0, processing: 0, completed: 0, failed: 0 },
  });
  expect((await call(["db", "status"], { env })).stdout).toMatch(/server +PostgreSQL \d+.*not encrypted/);
  expect((await call(["db", "migrate"], { env })).stdout).toContain("up to date, nothing to do");
});

test("fold db says what is wrong, and never the password", async () => {
  const url = Object.assign(new URL(await newDatabase(false)), { password: "s3cret" }).href;
  const refused = await call(["db", "status", "--json"], { env: { DATABASE_URL: url, FOLD_DEBUG: "1" } });
  expect([refused.exit, JSON.parse(refused.stdout)]).toMatchObject([4, { error: { code: "refused" } }]);
  expect(refused.stdout + refused.stderr).not.toContain("s3cret");
  const unset = await call(["db", "status"], { env: { DATABASE_URL: "" } });
  expect([unset.exit, unset.stderr]).toMatchObject([2, expect.stringContaining("DATABASE_URL is not set")]);
  expect((await call(["db", "drop"], { env: { DATABASE_URL: url } })).exit).toBe(2);
});

test("the executable holds the migrations as they are in the sources", () => {
  const binary = readFileSync(join(root, "dist/fold"));
  for (const name of names) {
    expect(binary.includes(readFileSync(join(migrationsFolder(), `${name}.sql`)))).toBe(true);
  }
});
