// What fold doctor finds in a database: the executable, against a real server, with a database for each case.
import { expect, test } from "bun:test";
import { call } from "../support/binary.ts";
import { asOwner } from "../support/database.ts";
import { type Fleet, withFleet } from "../support/fleet.ts";
import { withLimitedRole } from "../support/limited-keys.ts";

interface Told {
  readonly name: string;
  readonly ok: boolean | null;
  readonly what: string;
  readonly fix: string | null;
}

interface Report {
  readonly exit: number;
  readonly text: string;
  readonly checks: readonly Told[];
  /** Names of what is wrong. */
  readonly bad: readonly string[];
  of(name: string): Told | undefined;
}

/** What is told of the database; `worker` asks for no rules of buckets, which are not the matter here. */
async function doctor({ env }: Fleet, url: string, role = "worker"): Promise<Report> {
  const { exit, stdout, stderr } = await call(["doctor", "--role", role, "--json"], {
    env: { ...env, DATABASE_URL: url, FOLD_DEBUG: "1" },
  });
  const { checks } = JSON.parse(stdout) as { checks: Told[] };
  const bad = checks.filter(({ ok }) => ok === false).map(({ name }) => name);
  const of = (name: string) => checks.find((check) => check.name === `database: ${name}`);
  return { exit, text: stdout + stderr, checks, bad, of };
}

const tables = ["jobs", "job_locks", "processing_runs", "archives", "fleet", "fold_migrations"];
const rows = tables.map((table) => `database: rows of ${table}`);

test("the role of workers finds all well, and needs to write nothing for that", async () => {
  await withFleet(async (fleet) => {
    await withLimitedRole(fleet, async (url) => {
      const { username } = new URL(url);
      await asOwner((sql) => sql.unsafe(`alter role ${username} set default_transaction_read_only = on`));
      // All that it says of that is what a worker will miss: nothing of what it tries itself fails on it.
      const readOnly = await doctor(fleet, url);
      expect([readOnly.exit, readOnly.bad]).toEqual([1, ["database: changes"]]);
      expect((await doctor(fleet, url, "read")).of("changes")?.ok).toBe(true);
      await asOwner((sql) => sql.unsafe(`alter role ${username} reset default_transaction_read_only`));
      const report = await doctor(fleet, url);
      expect([report.exit, report.bad]).toEqual([0, []]);
      expect(report.of("reached")?.what).toMatch(
        new RegExp(`/fold_test_\\w+ as ${username}; an answer takes [\\d.]+ ms$`),
      );
      expect(report.of("version")?.what).toMatch(/^PostgreSQL \d+/);
      expect(report.of("TLS")).toMatchObject({ what: "not encrypted, on this machine", fix: null });
      expect(report.of("clock")?.what).toMatch(/^the clock there is \d+\.\d s (behind|ahead of) the one here$/);
      expect(report.of("migrations")?.what).toMatch(/^all \d+ are carried out$/);
      expect(report.of("tables")?.what).toBe("this role cannot make any, nor need it");
      expect(report.of("rows of archives")?.what).toBe("this role may select, insert, update");
      expect(report.of("connections")).toMatchObject({
        what: expect.stringMatching(/^\d+ of \d+ are free$/),
        fix: null,
      });
    });
    const owner = await doctor(fleet, fleet.databaseUrl);
    expect([owner.exit, owner.of("tables")?.what]).toEqual([0, "this role may make some; workers need not"]);
  });
});

test("rights that are missing are named, one by one", async () => {
  await withFleet(async (fleet) => {
    await withLimitedRole(fleet, async (url) => {
      const { username } = new URL(url);
      await asOwner((sql) => sql.unsafe(`revoke update on jobs from ${username}`), fleet.databaseUrl);
      await asOwner(
        (sql) => sql.unsafe(`revoke usage on sequence jobs_position_seq from ${username}`),
        fleet.databaseUrl,
      );
      const some = await doctor(fleet, url);
      expect([some.exit, some.bad]).toEqual([1, ["database: rows of jobs"]]);
      expect(some.of("rows of jobs")?.what).toBe(
        "this role may not update, usage of jobs_position_seq; it may select, insert",
      );
      expect(some.of("rows of jobs")?.fix).toContain("scripts/database-roles.sql");
      await asOwner(async (sql) => {
        await sql.unsafe(`revoke execute on function claim_job from public, ${username}`);
      }, fleet.databaseUrl);
      expect((await doctor(fleet, url)).of("rows of jobs")?.what).toContain(
        "usage of jobs_position_seq, execute of claim_job",
      );
      // Who only reads needs neither.
      expect((await doctor(fleet, url, "read")).bad.filter((name) => name.startsWith("database"))).toEqual([]);
      await asOwner(
        (sql) => sql.unsafe(`revoke all on all tables in schema public from ${username}`),
        fleet.databaseUrl,
      );
      const none = await doctor(fleet, url);
      expect([none.exit, none.bad]).toEqual([1, ["database: migrations", ...rows]]);
      expect(none.of("migrations")?.what).toContain("permission denied for table fold_migrations");
    });
  });
});

test("tables that are not there, too few, too many", async () => {
  await withFleet(async (fleet) => {
    const run = (statement: string) => asOwner((sql) => sql.unsafe(statement), fleet.databaseUrl);
    await run("create table kept as select * from fold_migrations order by created_at desc limit 1");
    await run("delete from fold_migrations where created_at in (select created_at from kept)");
    const few = await doctor(fleet, fleet.databaseUrl);
    expect([few.exit, few.bad]).toEqual([1, ["database: migrations"]]);
    expect(few.of("migrations")).toMatchObject({ what: expect.stringMatching(/^\d{4}_\S+ is not carried out$/) });
    expect(few.of("migrations")?.fix).toContain("fold db migrate");
    await run("insert into fold_migrations select * from kept");
    await run("insert into fold_migrations (id, hash, created_at) values (1000, 'later', 9000000000000)");
    const many = await doctor(fleet, fleet.databaseUrl);
    expect([many.exit, many.bad]).toEqual([1, ["database: migrations"]]);
    expect(many.of("migrations")?.what).toBe("the database has 1 migration that this program does not know");
    expect(many.of("migrations")?.fix).toContain("newer fold");
    await run("drop table fold_migrations, fleet, processing_runs, archives, job_locks, jobs cascade");
    const none = await doctor(fleet, fleet.databaseUrl);
    expect([none.exit, none.bad]).toEqual([1, ["database: tables"]]);
    expect(none.of("tables")?.fix).toContain("fold db migrate");
    for (const name of ["migrations", "rows of jobs"]) expect(none.of(name)).toMatchObject({ ok: null });
    expect(none.of("connections")?.ok).toBe(true);
  });
});

test("a database that is not let in, or not there: one finding each, and no password in it", async () => {
  await withFleet(async (fleet) => {
    const changed = (changes: Partial<URL>) => Object.assign(new URL(fleet.databaseUrl), changes).href;
    const cases: [url: string, what: string][] = [
      [changed({ password: "s3cret" }), "user or password refused"],
      [changed({ username: "nobody", password: "s3cret" }), "user or password refused"],
      [changed({ pathname: "/nowhere" }), "there is no database of that name"],
      [changed({ port: "1" }), "no connection (ECONNREFUSED)"],
      [changed({ search: "?sslmode=verify-full" }), "TLS failed"],
    ];
    for (const [url, what] of cases) {
      const report = await doctor(fleet, url);
      expect([report.exit, report.bad]).toEqual([1, ["database: reached"]]);
      expect(report.of("reached")?.what).toContain(what);
      expect(report.of("reached")?.fix).not.toBe("");
      expect(report.of("version")).toMatchObject({ ok: null, what: "not tried" });
      expect(report.text).not.toContain("s3cret");
      expect(report.text).not.toContain(new URL(fleet.databaseUrl).password);
    }
    for (const [url, what] of [
      ["", "DATABASE_URL is not set"],
      ["postgres://u:s3cret@h:p/d", "DATABASE_URL is no URL"],
    ]) {
      const report = await doctor(fleet, url!);
      expect([report.exit, report.bad, report.checks[0]?.what]).toEqual([1, ["database: settings"], what!]);
      expect(report.text).not.toContain("s3cret");
    }
  });
});

test("few free connections are told, and are nothing wrong", async () => {
  await withFleet(async (fleet) => {
    const name = new URL(fleet.databaseUrl).pathname.slice(1);
    await asOwner((sql) => sql.unsafe(`alter database ${name} connection limit 3`));
    const report = await doctor(fleet, fleet.databaseUrl);
    expect([report.exit, report.bad]).toEqual([0, []]);
    expect(report.of("connections")).toMatchObject({ ok: true, what: expect.stringMatching(/^[0-3] of 3 are free$/) });
    expect(report.of("connections")?.fix).toContain("max_connections");
    const { stdout } = await call(["doctor", "--role", "worker"], { env: fleet.env });
    expect(stdout).toMatch(/^note {2}database: connections: .*\n {6}a worker takes up to 4/m);
    expect(stdout).toContain("all is well");
  });
});

test("encrypted, verified or not, on the way to this machine", async () => {
  const [{ ssl_cert_file: certificate }] = await asOwner((sql) => sql`show ssl_cert_file`);
  await withFleet(async (fleet) => {
    for (const [search, what] of [
      ["?sslmode=require", "encrypted, on this machine"],
      [
        `?sslmode=verify-full&sslrootcert=${certificate}`,
        "encrypted, and the server's certificate is verified (verify-full)",
      ],
    ]) {
      const report = await doctor(fleet, Object.assign(new URL(fleet.databaseUrl), { search }).href);
      expect([report.exit, report.of("TLS")?.what]).toEqual([0, what!]);
    }
  });
});
