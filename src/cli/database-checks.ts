import { readDatabaseConfig } from "../config.ts";
import { type Address, isLoopback, parseAddress } from "../db/connection.ts";
import { connectionsOf } from "../db/connections.ts";
import { type Database, openDatabase } from "../db/database.ts";
import { schemaState } from "../db/migrations.ts";
import { neededRights, type RowDeed, rightsOf } from "../db/rights.ts";
import { OLDEST_MAJOR, serverOf } from "../db/server.ts";
import { bad, type Check, type Checkup, checkupOf, type DoctorRole, type Finding, good, warning } from "./check.ts";
import { formatCounted } from "./text.ts";

/** Beyond this the clocks differ too much to compare logs. Leases do not mind: they go by the database's alone. */
const MOST_SKEW_MS = 60_000;
const LOOKS = 5;
/** Impatient: whoever calls a doctor wants to know that something fails, not that it works in the end. */
const PATIENCE_MS = 2_000;
const REPLY_MS = 15_000;
/** What a worker may have at a time. */
const CONNECTIONS_A_WORKER = 4;

const reachName = "database: reached";
const tablesName = "database: tables";

/** What there is to look at in the database; nothing is changed there. Settings that are missing are a finding too. */
export function databaseCheckup(role: DoctorRole): Checkup {
  try {
    const { url } = readDatabaseConfig();
    return new DatabaseCheckup(url, parseAddress(url), role);
  } catch (error) {
    return checkupOf("database: settings", error);
  }
}

class DatabaseCheckup implements Checkup {
  readonly checks: readonly Check[];
  private opened: Promise<Database> | null = null;

  constructor(
    private readonly url: string,
    address: Address,
    role: DoctorRole,
  ) {
    const check = (name: string, after: string, run: (database: Database) => Promise<Finding>): Check => ({
      name,
      ...(name === reachName ? {} : { after }),
      run: async () => await run(await this.open()),
    });
    this.checks = [
      check(reachName, "", reach),
      check("database: version", reachName, version),
      check("database: changes", reachName, (database) => changes(database, role)),
      check("database: TLS", reachName, (database) => encryption(database, address)),
      check("database: clock", reachName, clock),
      check(tablesName, reachName, tables),
      check("database: migrations", tablesName, migrations),
      ...Object.keys(neededRights).map((table) =>
        check(`database: rows of ${table}`, tablesName, (database) => tableRights(database, table, role)),
      ),
      check("database: connections", reachName, connections),
    ];
  }

  async close(): Promise<void> {
    await (await this.opened?.catch(() => null))?.close();
  }

  private open(): Promise<Database> {
    this.opened ??= openDatabase({ url: this.url, max: 1, patience_ms: PATIENCE_MS, reply_ms: REPLY_MS });
    return this.opened;
  }
}

/** Whether somebody answers, and lets us in; then how long the shortest question takes. */
async function reach(database: Database): Promise<Finding> {
  const { user } = await serverOf(database);
  const times: number[] = [];
  for (let i = 0; i < LOOKS; i++) {
    const started = performance.now();
    await database.ask((sql) => sql`select`);
    times.push(performance.now() - started);
  }
  const median = times.sort((a, b) => a - b)[LOOKS >> 1] ?? 0;
  return good(`${database.place} as ${user}; an answer takes ${median.toFixed(1)} ms`);
}

async function version(database: Database): Promise<Finding> {
  const server = await serverOf(database);
  const what = `PostgreSQL ${server.version}`;
  return server.major >= OLDEST_MAJOR
    ? good(what)
    : bad(`${what} is too old`, `use PostgreSQL ${OLDEST_MAJOR} or newer`);
}

/** Asked, and not tried: nothing is changed here. A standby answers all questions, and is of no use to a worker. */
async function changes(database: Database, role: DoctorRole): Promise<Finding> {
  const { takes_changes } = await serverOf(database);
  if (takes_changes) return good("it takes them");
  if (role === "read") return good("it takes none; this role need not make any");
  const fix = "name the primary in DATABASE_URL; where it is the primary, see why it is read only (a full disk?)";
  return bad("it takes none: it is a standby, or set to read only", fix);
}

async function encryption(database: Database, { host, ssl }: Address): Promise<Finding> {
  const { is_encrypted } = await serverOf(database);
  const fix =
    "put ?sslmode=verify-full into DATABASE_URL, and sslrootcert=FILE where the server has an issuer of its own";
  const isVerified = ssl === "verify-full" || ssl === "verify-ca";
  if (is_encrypted && isVerified) return good(`encrypted, and the server's certificate is verified (${ssl})`);
  if (isLoopback(host)) return good(`${is_encrypted ? "encrypted" : "not encrypted"}, on this machine`);
  return is_encrypted
    ? warning(`encrypted (${ssl}), but nobody looks who the server is`, fix)
    : warning(`not encrypted (${ssl}): everybody on the way can read it, unless that network is yours`, fix);
}

async function clock(database: Database): Promise<Finding> {
  const before_ms = Date.now();
  const { now_ms } = await serverOf(database);
  // Between question and answer; half of that is what cannot be known.
  const skew_ms = now_ms - (before_ms + Date.now()) / 2;
  const seconds = (Math.abs(skew_ms) / 1000).toFixed(1);
  const what = `the clock there is ${seconds} s ${skew_ms < 0 ? "behind" : "ahead of"} the one here`;
  const fix = "set the clock of this machine (timedatectl)";
  return Math.abs(skew_ms) <= MOST_SKEW_MS ? good(what) : bad(what, fix);
}

/** Whether the tables are there. Whether the role may make some is told, and not demanded: the owner may, a worker need not. */
async function tables(database: Database): Promise<Finding> {
  const { tables: rights, may_create } = await rightsOf(database);
  if (Object.values(rights).every((deeds) => deeds === null)) {
    return bad("there are none that this role can see", "run `fold db migrate` as the owner of the database");
  }
  return good(may_create ? "this role may make some; workers need not" : "this role cannot make any, nor need it");
}

async function migrations(database: Database): Promise<Finding> {
  const { applied, pending, unknown } = await schemaState(database);
  if (unknown > 0) {
    const more = formatCounted(unknown, "migration");
    return bad(`the database has ${more} that this program does not know`, "get a newer fold: `fold upgrade`");
  }
  if (pending.length === 0) return good(`all ${applied.length} are carried out`);
  const verb = pending.length === 1 ? "is" : "are";
  return bad(`${pending.join(", ")} ${verb} not carried out`, "run `fold db migrate` as the owner of the database");
}

async function tableRights(database: Database, table: string, role: DoctorRole): Promise<Finding> {
  const { tables: rights, may_queue, may_claim } = await rightsOf(database);
  const has = rights[table] ?? [];
  const needed = role === "read" ? (["select"] as const) : (neededRights as Record<string, readonly RowDeed[]>)[table];
  const isQueue = table === "jobs" && role !== "read";
  const missing = [
    ...needed.filter((deed) => !has.includes(deed)),
    ...(isQueue && !may_queue ? ["usage of jobs_position_seq"] : []),
    ...(table === "jobs" && (role === "all" || role === "worker") && !may_claim ? ["execute of claim_job"] : []),
  ];
  if (missing.length === 0) return good(`this role may ${has.join(", ")}`);
  const fix = "as the owner run scripts/database-roles.sql, which grants it; again after each `fold db migrate`";
  return bad(`this role may not ${missing.join(", ")}${has.length === 0 ? "" : `; it may ${has.join(", ")}`}`, fix);
}

async function connections(database: Database): Promise<Finding> {
  const { most, free } = await connectionsOf(database);
  const what = `${free} of ${most} are free`;
  if (free >= CONNECTIONS_A_WORKER) return good(what);
  const fix = `a worker takes up to ${CONNECTIONS_A_WORKER}: raise max_connections, or put a pooler in front (transaction mode)`;
  return warning(what, fix);
}
