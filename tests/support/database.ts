// Databases for tests, in the server that DATABASE_URL names.
import { afterAll } from "bun:test";
import { createHash } from "node:crypto";
import postgres from "postgres";
import { type Database, type DatabaseOptions, openDatabase } from "../../src/db/database.ts";
import { migrate, readMigrations } from "../../src/db/migrations.ts";

/** Any number: who makes the template holds the lock of this name. */
const LOCK = 5_403_727;

/** The server to test with. */
export function serverUrl(): string {
  const url = process.env.DATABASE_URL;
  if (url) return url;
  throw new Error(
    'DATABASE_URL is not set: eval "$(scripts/servers/postgres.sh up /tmp/fold-postgres)" starts a server and sets it',
  );
}

/** The URL of another database of the server. */
function urlOf(database: string): string {
  const url = new URL(serverUrl());
  url.pathname = `/${database}`;
  return url.href;
}

/** Run statements as the owner of the server. */
export async function asOwner<T>(run: (sql: postgres.Sql) => Promise<T>, url: string = serverUrl()): Promise<T> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return await run(sql);
  } finally {
    await sql.end();
  }
}

/** Carry out all migrations in a database. */
export async function makeTables(url: string): Promise<void> {
  const database = await openDatabase({ url, max: 1 });
  try {
    await migrate(database);
  } finally {
    await database.close();
  }
}

/** The name of a migrated database to make copies of; the first to ask makes it. */
async function template(sql: postgres.Sql): Promise<string> {
  const hashes = (await readMigrations()).map(({ hash, made_ms }) => `${hash} ${made_ms}`).join();
  const name = `fold_template_${createHash("sha256").update(hashes).digest("hex").slice(0, 12)}`;
  await sql`select pg_advisory_lock(${LOCK})`;
  try {
    if ((await sql`select from pg_database where datname = ${name}`).length > 0) return name;
    // Under another name until it is whole.
    await sql.unsafe(`drop database if exists ${name}_new with (force)`);
    await sql.unsafe(`create database ${name}_new`);
    await makeTables(urlOf(`${name}_new`));
    await sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${`${name}_new`}`;
    await sql.unsafe(`alter database ${name}_new rename to ${name}`);
    return name;
  } finally {
    await sql`select pg_advisory_unlock(${LOCK})`;
  }
}

/**
 * The URL of a new database; whoever makes it removes it with dropDatabase.
 *
 * @param isMigrated whether it has the tables already
 */
export async function makeDatabase(isMigrated = true): Promise<string> {
  const name = `fold_test_${crypto.randomUUID().replaceAll("-", "")}`;
  await asOwner(async (sql) => {
    const source = isMigrated ? await template(sql) : "template0";
    await sql.unsafe(`create database ${name} template ${source}`);
  });
  // A copy is the same fleet, and this is to be one of its own.
  if (isMigrated) await asOwner((sql) => sql`update fleet set id = default`, urlOf(name));
  return urlOf(name);
}

/**
 * Run a program of PostgreSQL with a database. Its password is where no list of processes shows it: a test that looks for
 * secrets there may be running beside.
 */
export function runClient(program: "psql" | "pg_dump", url: string, args: readonly string[] = [], stdin?: Uint8Array) {
  const shown = new URL(url);
  const PGPASSWORD = decodeURIComponent(shown.password);
  shown.password = "";
  return Bun.spawnSync([program, "--dbname", shown.href, ...args], {
    env: { ...process.env, PGPASSWORD },
    ...(stdin === undefined ? {} : { stdin }),
  });
}

/** The URL of a new database with all that is in another one: its dump, restored. */
export async function restored(url: string): Promise<string> {
  const copy = await makeDatabase(false);
  const dump = runClient("pg_dump", url);
  if (!dump.success) throw new Error(dump.stderr.toString());
  const load = runClient("psql", copy, ["-qv", "ON_ERROR_STOP=1"], dump.stdout);
  if (!load.success) throw new Error(load.stderr.toString());
  return copy;
}

/** Remove all rows of a fleet, as if its tables had just been made. */
export async function emptyTables(url: string): Promise<void> {
  const tables = "jobs, job_locks, archives, processing_runs";
  await asOwner((sql) => sql.unsafe(`truncate ${tables} restart identity`), url);
}

/** Remove a database, whoever is still connected to it. */
export async function dropDatabase(url: string): Promise<void> {
  const name = new URL(url).pathname.slice(1);
  await asOwner((sql) => sql.unsafe(`drop database if exists ${name} with (force)`));
}

/** The URL of a new database that goes with the tests of the file. */
export async function newDatabase(isMigrated = true): Promise<string> {
  const url = await makeDatabase(isMigrated);
  afterAll(() => dropDatabase(url));
  return url;
}

/** A connection that is closed with the tests of the file. */
export async function connect(url: string, options: Omit<DatabaseOptions, "url"> = {}): Promise<Database> {
  const database = await openDatabase({ url, patience_ms: 20_000, ...options });
  afterAll(() => database.close());
  return database;
}
