import { FoldError, type FoldErrorCode } from "../errors.ts";

/** A standby, or a database that somebody has set to read only. */
const READ_ONLY = "25006";

/** Codes of sockets and of postgres.js that mean: no connection, or none any more. */
const LOST: ReadonlySet<string> = new Set([
  ...["CONNECTION_CLOSED", "CONNECTION_ENDED", "CONNECTION_DESTROYED", "CONNECT_TIMEOUT", "REPLY_TIMEOUT"],
  ...["ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH"],
  ...["ENOTFOUND", "EAI_AGAIN", "EADDRNOTAVAIL", "ENOENT", "FailedToOpenSocket", "ConnectionRefused"],
  // Shutting down, crashed, starting up; too many connections; a standby that was the primary, or will be.
  ...["57P01", "57P02", "57P03", "53300", READ_ONLY],
  // Hung up on by the server's own limits: idle, idle in a transaction, in a transaction for too long.
  ...["57P05", "25P03", "25P04"],
]);

/** Taken back by the database as a whole, because of others: the same statement may succeed now. */
const TAKEN_BACK: ReadonlySet<string> = new Set(["40001", "40P01", "55P03"]);

/** Taken back because the server is short of time, disk or memory: nothing is wrong with the statement. */
const SHORT: ReadonlySet<string> = new Set(["57014", "53000", "53100", "53200", "58030"]);

/** Wrong password or user; no entry in pg_hba.conf; no permission for a table. */
const REFUSED: ReadonlySet<string> = new Set(["28P01", "28000", "42501"]);

/** No such table, column or function; no such schema. */
const NO_SCHEMA: ReadonlySet<string> = new Set(["42P01", "42703", "42883", "3F000"]);

/** The SQLSTATE, or the code of a socket or of postgres.js; empty when there is none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** Whether a connection was not there or broke, so that nobody knows whether the statement was carried out. */
export function isConnectionLost(error: unknown): boolean {
  const code = codeOf(error);
  return LOST.has(code) || code.startsWith("08") || isPoolerError(error);
}

/** Whether the database took a statement back on account of others, or of its own needs. */
export function isTakenBack(error: unknown): boolean {
  return TAKEN_BACK.has(codeOf(error)) || SHORT.has(codeOf(error));
}

/** Whether a constraint or unique index of this name stood in the way. */
export function violates(error: unknown, constraint: string): boolean {
  return error instanceof Error && "constraint_name" in error && error.constraint_name === constraint;
}

/** Whether a server or pooler has said so itself: then one is there. */
export function isFromServer(error: unknown): boolean {
  return error instanceof Error && "severity" in error;
}

/** PgBouncer's own messages, when it has lost its server, have codes that mean something else with PostgreSQL. */
function isPoolerError(error: unknown): boolean {
  const pattern = /server conn crashed|server_login_retry|pgbouncer cannot connect|query_wait_timeout|server closed/i;
  return error instanceof Error && pattern.test(error.message);
}

/**
 * Turns an error of postgres.js or of the database into one that a user can act on; a FoldError comes back as it is.
 *
 * @param place host, port and name of the database, without user and password
 */
export function fromDatabaseError(error: unknown, place: string): FoldError {
  if (error instanceof FoldError) return error;
  const [code, what, hint] = explain(error);
  return new FoldError(code, `database ${place}: ${what}`, hint, error);
}

/** What is wrong, without the place. */
export function reasonOf(error: unknown): string {
  return error instanceof FoldError ? error.message : explain(error)[1];
}

function explain(error: unknown): readonly [FoldErrorCode, string, string] {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  if (REFUSED.has(code)) {
    const what = code === "42501" ? message : "user or password refused, or no access from here";
    const hint =
      "check user, password and sslmode in DATABASE_URL, the day until which the password is valid, the database's firewall and the role's rights";
    return ["refused", what, hint];
  }
  if (code === "3D000") return ["not_found", "there is no database of that name", "create it, or check DATABASE_URL"];
  if (code === READ_ONLY) {
    const hint = "name the primary in DATABASE_URL; where it is the primary, see why it is read only (a full disk?)";
    return ["unreachable", "it takes no changes: it is a standby, or set to read only", hint];
  }
  if (isConnectionLost(error)) {
    // What the server or a pooler says of itself; the codes of sockets speak for themselves.
    const said = isFromServer(error) ? `: ${message}` : "";
    return [
      "unreachable",
      `no connection (${code || message}${said})`,
      "check that it runs, that host and port are right, and that it speaks TLS where sslmode asks for it",
    ];
  }
  if (SHORT.has(code)) {
    const hint = "see how busy the server is, how full its disk, and how long statement_timeout lets a statement take";
    return ["unreachable", message, hint];
  }
  if (NO_SCHEMA.has(code)) return ["schema", message, "run `fold db migrate`; `fold db status` tells what is missing"];
  if (isTlsError(error)) {
    return [
      "refused",
      `TLS failed: ${message}`,
      "check sslmode in DATABASE_URL; sslrootcert=FILE names the certificate authority of the server",
    ];
  }
  return ["failed", message, "this is not a mistake that fold knows; the message above is the database's own"];
}

function isTlsError(error: unknown): boolean {
  const pattern = /CERT|SELF_SIGNED|UNABLE_TO_|TLS|SSL|HOSTNAME|ALTNAME/i;
  return pattern.test(codeOf(error)) || (error instanceof Error && /certificate|\bSSL\b|\bTLS\b/i.test(error.message));
}
