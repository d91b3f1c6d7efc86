import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { type ConnectionOptions, checkServerIdentity } from "node:tls";
import { FoldError } from "../errors.ts";

/** How far a connection is protected; the names are those of libpq. */
const sslModes = ["disable", "prefer", "require", "verify-ca", "verify-full"] as const;

export type SslMode = (typeof sslModes)[number];

/** Where the database is, taken apart. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly ssl: SslMode;
  /** File with the certificates to trust; null for the system's. */
  readonly rootCertificate: string | null;
}

const HINT =
  "set it to postgres://USER:PASSWORD@HOST:PORT/DATABASE, with ?sslmode=verify-full where TLS is to be verified";

/**
 * Takes DATABASE_URL apart. No message repeats it: it holds a password.
 *
 * Without sslmode a connection to this machine is plain, and any other one must be encrypted.
 *
 * @param url postgres://user:password@host:port/database?sslmode=...&sslrootcert=FILE
 * @throws FoldError `usage`
 */
export function parseAddress(url: string): Address {
  const parsed = parseUrl(url);
  if (!/^postgres(ql)?:$/.test(parsed.protocol)) throw unusable("does not begin with postgres://");
  if (parsed.hostname === "") throw unusable("names no host");
  const host = decoded(parsed.hostname).replace(/^\[(.*)\]$/, "$1");
  const user = decoded(parsed.username);
  if (user === "") throw unusable("names no user");
  return {
    host,
    port: parsed.port === "" ? 5432 : Number(parsed.port),
    user,
    password: decoded(parsed.password),
    database: decoded(parsed.pathname.slice(1)) || user,
    ssl: sslModeOf(parsed.searchParams.get("sslmode"), host),
    rootCertificate: parsed.searchParams.get("sslrootcert"),
  };
}

function parseUrl(url: string): URL {
  try {
    return new URL(url);
  } catch {
    // The error underneath quotes the URL.
    throw unusable("is no URL");
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw unusable("has a % that is not followed by two hexadecimal digits");
  }
}

function sslModeOf(given: string | null, host: string): SslMode {
  if (given === null) return isLoopback(host) ? "disable" : "require";
  const mode = sslModes.find((known) => known === given);
  if (mode === undefined) throw unusable(`cannot have this sslmode: there are ${sslModes.join(", ")}`);
  return mode;
}

function unusable(what: string): FoldError {
  return new FoldError("usage", `DATABASE_URL ${what}`, HINT);
}

/** Whether a host is this machine. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/**
 * The setting for postgres.js.
 *
 * @throws FoldError `unreadable` when the file of certificates cannot be read
 */
export function tlsOf({ ssl, rootCertificate, host }: Address): false | "prefer" | ConnectionOptions {
  if (ssl === "disable") return false;
  if (ssl === "prefer") return "prefer";
  const ca = rootCertificate === null ? {} : { ca: readCertificate(rootCertificate) };
  // As with libpq: whoever names certificates wants them looked at.
  if (ssl === "require" && rootCertificate === null) return { rejectUnauthorized: false };
  if (ssl === "verify-full") {
    // An address cannot be asked for by name, and is compared with the certificate all the same.
    const name = isIP(host) === 0 ? { servername: host } : {};
    return {
      ...ca,
      ...name,
      rejectUnauthorized: true,
      checkServerIdentity: (_, certificate) => checkServerIdentity(host, certificate),
    };
  }
  return { ...ca, rejectUnauthorized: true, checkServerIdentity: () => undefined };
}

function readCertificate(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new FoldError("unreadable", `cannot read ${path}, the sslrootcert of DATABASE_URL`, "check the path", error);
  }
}
