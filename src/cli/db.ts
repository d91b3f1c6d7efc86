import { readDatabaseConfig } from "../config.ts";
import { countJobs } from "../db/count-jobs.ts";
import { type Database, openDatabase } from "../db/database.ts";
import { migrate, type SchemaState, schemaState } from "../db/migrations.ts";
import type { JobStatus } from "../db/rows.ts";
import { serverOf } from "../db/server.ts";
import { FoldError } from "../errors.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import { type DbAction, type DbFlags, dbActions } from "./db-definition.ts";
import { firstContact } from "./first-contact.ts";
import { formatCount, formatTable } from "./text.ts";

/** A person waits. */
const PATIENCE_MS = 5_000;

interface Action {
  /** How long an answer may take. */
  readonly reply_ms: number;
  readonly run: (database: Database, flags: DbFlags, io: CommandIo) => Promise<void>;
}

const actions: Readonly<Record<DbAction, Action>> = {
  // Nine wait until the tenth has changed tables of any size.
  migrate: { reply_ms: 3_600_000, run: migrateTables },
  status: { reply_ms: 15_000, run: status },
};

/** `fold db ACTION`. */
export async function execute({ parameters, flags }: CommandArguments<DbFlags>, io: CommandIo): Promise<number> {
  const action = dbActions.find((known) => known === parameters[0]);
  if (action === undefined) {
    const hint = `give one of ${dbActions.join(", ")}`;
    throw new FoldError("usage", `db cannot ${JSON.stringify(parameters[0])}`, hint);
  }
  const { url } = readDatabaseConfig();
  const { reply_ms, run } = actions[action];
  const database = await openDatabase({ url, max: 1, patience_ms: PATIENCE_MS, reply_ms, contact: firstContact(io) });
  try {
    await run(database, flags, io);
  } finally {
    await database.close();
  }
  return 0;
}

async function migrateTables(database: Database, { json }: DbFlags, { output }: CommandIo): Promise<void> {
  const carriedOut = await migrate(database);
  if (json) output.json({ place: database.place, migrated: carriedOut });
  else if (carriedOut.length === 0) output.line(`${database.place}: up to date, nothing to do`);
  else for (const name of carriedOut) output.line(`${database.place}: ${name} done`);
}

async function status(database: Database, { json }: DbFlags, { output, program }: CommandIo): Promise<void> {
  const [server, state] = [await serverOf(database), await schemaState(database)];
  // Another schema may count in another way.
  const jobs = state.pending.length === 0 && state.unknown === 0 ? await countJobs(database) : null;
  if (json) output.json({ place: database.place, ...server, ...state, jobs });
  else for (const line of statusLines(database.place, server, state, jobs, program)) output.line(line);
}

function statusLines(
  place: string,
  { version, is_encrypted }: { readonly version: string; readonly is_encrypted: boolean },
  { applied, pending, unknown }: SchemaState,
  jobs: Readonly<Record<JobStatus, number>> | null,
  program: string,
): string[] {
  const rows = [
    ["database", place],
    ["server", `PostgreSQL ${version}, ${is_encrypted ? "encrypted" : "not encrypted"}`],
    ["migrations", `${applied.length} applied, ${pending.length} pending`],
    ...pending.map((name) => ["pending", name]),
    ...(pending.length > 0 ? [["to do", `${program} db migrate`]] : []),
    ...(unknown > 0 ? [["to do", `get a newer ${program}: the database has ${unknown} more`]] : []),
    ...(jobs === null ? [] : [["jobs", Object.entries(jobs).map(countOf).join(", ")]]),
  ];
  return formatTable(rows, "ll");
}

function countOf([state, count]: [string, number]): string {
  return `${formatCount(count)} ${state}`;
}
