import { join } from "node:path";
import { FoldError } from "../errors.ts";
import type { Client, Database } from "./database.ts";

/** Any number, the same in all versions: who migrates holds the lock of this name. */
const LOCK = 5_403_726;

/** One step from a schema to the next, as drizzle-kit wrote it. */
export interface Migration {
  readonly name: string;
  readonly statements: readonly string[];
  /** When it was made, in ms since 1970: this is its number. */
  readonly made_ms: number;
  /** SHA-256 of its file. */
  readonly hash: string;
}

/** How far a database is. */
export interface SchemaState {
  readonly applied: readonly string[];
  /** What `fold db migrate` would do. */
  readonly pending: readonly string[];
  /** How many this program does not know: a newer one has made them. */
  readonly unknown: number;
}

interface Applied {
  readonly hash: string;
  readonly created_at: number;
}

/** Where the migrations are: inside the executable, or beside the sources. */
export function migrationsFolder(): string {
  return Bun.isStandaloneExecutable ? join(import.meta.dir, "drizzle") : join(import.meta.dir, "../../drizzle");
}

/** The migrations that this program has, in their order. */
export async function readMigrations(folder: string = migrationsFolder()): Promise<Migration[]> {
  const { readMigrationFiles } = await import("drizzle-orm/migrator");
  const journal = (await Bun.file(join(folder, "meta/_journal.json")).json()) as { entries: { tag: string }[] };
  return readMigrationFiles({ migrationsFolder: folder }).map(({ sql, folderMillis, hash }, number) => ({
    name: journal.entries[number].tag,
    statements: sql,
    made_ms: folderMillis,
    hash,
  }));
}

/**
 * Bring the schema up to date, all of it or nothing; of ten who try at once one works and nine wait.
 *
 * The lock is one of the transaction and not of the session, so it goes with the connection's end and works behind a
 * pooler, too.
 *
 * @returns names of the migrations that were carried out now
 * @throws FoldError `schema` when the database is newer than this program
 */
export async function migrate(database: Database, migrations?: readonly Migration[]): Promise<string[]> {
  const known = migrations ?? (await readMigrations());
  return await database.ask(async (sql) => {
    // Whoever had to wait must see what was done meanwhile, whatever the database's own default is.
    return await sql.begin("isolation level read committed", async (transaction) => {
      const tx = transaction as unknown as Client;
      await tx`select pg_advisory_xact_lock(${LOCK})`;
      await tx`
        create table if not exists fold_migrations (
          id serial primary key, hash text not null, created_at bigint not null unique, applied_at timestamptz not null default now())`;
      const { pending } = compare(known, await appliedIn(tx));
      for (const { statements, hash, made_ms } of pending) {
        for (const statement of statements) await tx.unsafe(statement);
        await tx`insert into fold_migrations (hash, created_at) values (${hash}, ${made_ms})`;
      }
      return pending.map(({ name }) => name);
    });
  });
}

/**
 * How far the schema is.
 *
 * @throws FoldError `schema` when a migration is not the one that was carried out under its number
 */
export async function schemaState(database: Database, migrations?: readonly Migration[]): Promise<SchemaState> {
  const known = migrations ?? (await readMigrations());
  const applied = await database.ask((sql) => appliedIn(sql));
  const made = new Set(applied.map(({ created_at }) => created_at));
  const numbers = new Set(known.map(({ made_ms }) => made_ms));
  const names = (isApplied: boolean) =>
    known.filter(({ made_ms }) => made.has(made_ms) === isApplied).map(({ name }) => name);
  for (const { name, made_ms, hash } of known) {
    const other = applied.find(({ created_at }) => created_at === made_ms);
    if (other !== undefined && other.hash !== hash) throw edited(name);
  }
  return {
    applied: names(true),
    pending: names(false),
    unknown: applied.filter(({ created_at }) => !numbers.has(created_at)).length,
  };
}

/**
 * Let nobody work with a schema that is not this program's.
 *
 * @throws FoldError `schema` when the database is newer, older, or was never migrated
 */
export async function checkSchema(database: Database, migrations?: readonly Migration[]): Promise<void> {
  const { pending, unknown } = await schemaState(database, migrations);
  if (unknown > 0) throw newer(unknown);
  if (pending.length === 0) return;
  throw new FoldError(
    "schema",
    `database ${database.place} is not migrated: ${pending.join(", ")} ${pending.length === 1 ? "is" : "are"} missing`,
    "run `fold db migrate`",
  );
}

async function appliedIn(sql: Client): Promise<readonly Applied[]> {
  const [{ is_there }] = await sql<
    { is_there: boolean }[]
  >`select to_regclass('fold_migrations') is not null as is_there`;
  return is_there ? await sql<Applied[]>`select hash, created_at from fold_migrations order by created_at` : [];
}

function compare(known: readonly Migration[], applied: readonly Applied[]): { readonly pending: readonly Migration[] } {
  const numbers = new Set(known.map(({ made_ms }) => made_ms));
  const unknown = applied.filter(({ created_at }) => !numbers.has(created_at)).length;
  if (unknown > 0) throw newer(unknown);
  const made = new Map(applied.map(({ created_at, hash }) => [created_at, hash]));
  for (const { name, made_ms, hash } of known) {
    if ((made.get(made_ms) ?? hash) !== hash) throw edited(name);
  }
  return { pending: known.filter(({ made_ms }) => !made.has(made_ms)) };
}

function newer(unknown: number): FoldError {
  return new FoldError(
    "schema",
    `the database is newer than this program: it has ${unknown} more migration${unknown === 1 ? "" : "s"}`,
    "get a newer fold",
  );
}

function edited(name: string): FoldError {
  const hint = "use the program that has migrated it, or a copy of the database that was not changed";
  return new FoldError("schema", `migration ${name} is not the one that was carried out`, hint);
}
