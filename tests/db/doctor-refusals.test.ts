// What fold doctor says of databases that are there and not good for it: a server of its own, which each test changes.
import { afterAll, expect, test } from "bun:test";
import { call } from "../support/binary.ts";
import { asOwner } from "../support/database.ts";
import { OwnPostgres } from "../support/own-postgres.ts";

const server = await OwnPostgres.start();
afterAll(() => server.remove());

const as = (changes: Partial<URL>) => Object.assign(new URL(server.url), changes).href;

interface Told {
  readonly name: string;
  readonly ok: boolean | null;
  readonly what: string;
  readonly fix: string | null;
}

/** What is told of the database and is not good; Spaces are not the matter here. */
async function wrong(url: string, role = "worker"): Promise<Told[]> {
  const { stdout } = await call(["doctor", "--role", role, "--json"], { env: { DATABASE_URL: url } });
  const { checks } = JSON.parse(stdout) as { checks: Told[] };
  return checks.filter(({ name, ok }) => name.startsWith("database") && ok === false);
}

test("a standby answers all questions, and is told for what it is; so is a command that wants to change something", async () => {
  expect((await call(["db", "migrate"], { env: { DATABASE_URL: server.url } })).exit).toBe(0);
  expect(await wrong(server.url)).toEqual([]);
  await server.asStandby(async () => {
    const [one, ...others] = await wrong(server.url);
    expect(one).toMatchObject({ name: "database: changes", what: expect.stringContaining("standby") });
    expect(one.fix).toContain("primary");
    expect(others).toEqual([]);
    expect(await wrong(server.url, "read")).toEqual([]);
    const migrate = await call(["db", "migrate"], { env: { DATABASE_URL: server.url } });
    expect(migrate).toMatchObject({ exit: 1, stderr: expect.stringContaining("it is a standby, or set to read only") });
  });
  expect(await wrong(server.url)).toEqual([]);
});

test("a password that is good no longer", async () => {
  await asOwner((sql) => sql.unsafe("create role late login password 's3cret' valid until '2020-01-01'"), server.url);
  const url = as({ username: "late", password: "s3cret" });
  const [reached] = await wrong(url);
  expect(reached).toMatchObject({ name: "database: reached", what: expect.stringContaining("password refused") });
  expect(reached.fix).toContain("until which the password is valid");
  const status = await call(["db", "status"], { env: { DATABASE_URL: url, FOLD_DEBUG: "1" } });
  expect(status.exit).toBe(4);
  expect(status.stderr).not.toContain("s3cret");
});

test("no place left, and a server that has no TLS", async () => {
  const setting = (text: string) => asOwner((sql) => sql.unsafe(text), server.url);
  await setting("create role few login password 'few' connection limit 0");
  const [full] = await wrong(as({ username: "few", password: "few" }));
  expect(full).toMatchObject({
    name: "database: reached",
    what: expect.stringContaining("too many connections for role"),
  });
  await setting("alter system set ssl = off");
  await setting("select pg_reload_conf()");
  for (const mode of ["require", "verify-full"]) {
    const [reached, ...others] = await wrong(as({ search: `?sslmode=${mode}` }));
    expect(reached).toMatchObject({ name: "database: reached", fix: expect.stringContaining("speaks TLS") });
    expect(others).toEqual([]);
  }
});

test("a server whose clock is off, and one that is too old", async () => {
  // What is asked for is found first in a schema that says something else.
  await asOwner(async (sql) => {
    await sql.unsafe(`
      create role other login superuser password 'other';
      create schema other authorization other;
      alter role other set search_path = other, pg_catalog, public;
      create function other.clock_timestamp() returns timestamptz language sql
        as $$ select pg_catalog.clock_timestamp() + interval '90 s' $$;
      create function other.current_setting(name text) returns text language sql
        as $$ select case name when 'server_version' then '12.22' when 'server_version_num' then '120022'
          else pg_catalog.current_setting(name) end $$`);
  }, server.url);
  const told = await wrong(as({ username: "other", password: "other" }));
  expect(told).toMatchObject([
    { name: "database: version", what: "PostgreSQL 12.22 is too old", fix: "use PostgreSQL 13 or newer" },
    {
      name: "database: clock",
      what: expect.stringMatching(/^the clock there is (89|90)\.\d s ahead of the one here$/),
    },
  ]);
});
