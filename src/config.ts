import { hostname } from "node:os";
import { FoldError } from "./errors.ts";
import { version } from "./version.ts";

/** The environment variables that fold knows; `fold help environment` prints this table. */
export const environment = [
  {
    name: "FOLD_STATE_DIR",
    initial: "fold_state",
    meaning: "the state directory: archives and whatever else fold keeps go here",
  },
  { name: "LOCAL_STATE_DIR", initial: "fold_state", meaning: "the same, where FOLD_STATE_DIR is not set" },
  { name: "STORAGE_BACKEND", initial: "local", meaning: "where jobs and archives are kept: local, cloud or spaces" },
  {
    name: "INPUT_FILE",
    initial: "none",
    meaning: "without coordination: the key of the text in the input bucket that this worker folds",
  },
  {
    name: "WORKER_ID",
    initial: "the machine's name",
    meaning: "what a worker is called, before a part that is new with every start",
  },
  { name: "HEARTBEAT_INTERVAL", initial: "60", meaning: "seconds between two signs of life of a running job" },
  {
    name: "HEARTBEAT_GRACE_PERIOD",
    initial: "600, in the cloud 300",
    meaning: "seconds without a sign of life after which a job is given to another worker; the same for all workers",
  },
  {
    name: "FOLD_PARTS_AFTER",
    initial: "30",
    meaning: "seconds after which a job in the cloud begins to upload its finished parts, for whoever goes on with it",
  },
  {
    name: "DATABASE_URL",
    initial: "not set",
    meaning:
      "the PostgreSQL of a fleet: postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=MODE; MODE is disable, prefer, require, verify-ca or verify-full (with sslrootcert=FILE), and require where it is left out and HOST is another machine",
  },
  {
    name: "FOLD_WHOLE_BELOW",
    initial: "1048576",
    meaning: "bytes below which an archive that a worker makes stays one file; larger ones become objects of the store",
  },
  {
    name: "DO_SPACES_ENDPOINT",
    initial: "none",
    meaning: "the URL of Spaces, for instance https://nyc3.digitaloceanspaces.com",
  },
  { name: "DO_SPACES_REGION", initial: "none", meaning: "the region of Spaces, for instance nyc3" },
  { name: "DO_SPACES_ACCESS_KEY", initial: "none", meaning: "the key for Spaces" },
  { name: "DO_SPACES_SECRET_KEY", initial: "none", meaning: "its secret" },
  { name: "DO_SPACES_BUCKET_INPUT", initial: "fold-input", meaning: "the bucket for texts" },
  { name: "DO_SPACES_BUCKET_RESULTS", initial: "fold-results", meaning: "the bucket for archives" },
  {
    name: "DO_SPACES_BUCKET_TEMP",
    initial: "fold-temp",
    meaning: "the bucket for what running jobs have finished; its objects go after 30 days",
  },
  {
    name: "DO_SPACES_INPUT_BUCKET",
    initial: "fold-input",
    meaning: "the same as DO_SPACES_BUCKET_INPUT, where that is not set",
  },
  {
    name: "DO_SPACES_ARCHIVE_BUCKET",
    initial: "fold-results",
    meaning: "the same as DO_SPACES_BUCKET_RESULTS, where that is not set",
  },
  {
    name: "DO_SPACES_ALLOW_HTTP",
    initial: "not set",
    meaning: "set to 1: Spaces without TLS, also on other machines than this one",
  },
  {
    name: "LOCAL_CACHE_DIR",
    initial: "/tmp/fold_cache",
    meaning: "the folder that keeps copies of what was downloaded; it may be wiped at any time",
  },
  {
    name: "FOLD_CACHE_SIZE",
    initial: "10737418240",
    meaning: "bytes of copies that LOCAL_CACHE_DIR may hold; what was not used for longest goes first",
  },
  {
    name: "FOLD_RELEASES",
    initial: version.releases ?? "not set",
    meaning: "address of the releases to upgrade from: https://github.com/OWNER/REPOSITORY/releases, or a mirror of it",
  },
  {
    name: "HTTPS_PROXY",
    initial: "not set",
    meaning: "the proxy by which Spaces and releases are asked; HTTP_PROXY for addresses without TLS",
  },
  {
    name: "NO_PROXY",
    initial: "not set",
    meaning: "the machines, with commas between, that are asked without a proxy",
  },
  {
    name: "NODE_EXTRA_CA_CERTS",
    initial: "not set",
    meaning: "a file of certificates: issuers to trust besides those that everybody knows",
  },
  { name: "NO_COLOR", initial: "not set", meaning: "set to anything: no colour, not even on a terminal" },
  { name: "COLUMNS", initial: "the terminal's, else 80", meaning: "the width that grids and tables fit into" },
  { name: "FOLD_DEBUG", initial: "not set", meaning: "set to 1: an error prints its stack, too" },
] as const;

/** What the environment says. */
export interface Config {
  readonly stateDir: string;
  /** Whether the user lets us colour what goes to a terminal. */
  readonly mayColour: boolean;
  /** Width asked for, in columns; null to go by the terminal. */
  readonly columns: number | null;
  readonly isDebug: boolean;
}

/** What the environment says to workers. */
export interface WorkConfig {
  /** Not checked: createStorage knows the names. */
  readonly backend: string;
  readonly workerId: string;
  readonly heartbeat_ms: number;
  readonly grace_ms: number;
  readonly partsAfter_ms: number;
  readonly whole_below_bytes: number;
}

type VariableName = (typeof environment)[number]["name"];

/** A variable of the environment; one that is set to nothing counts as not set. */
function read(name: VariableName): string | undefined {
  return process.env[name] || undefined;
}

/** Reads the environment: this file is the only place that does. */
export function readConfig(): Config {
  const columns = Number(read("COLUMNS"));
  return {
    stateDir: read("FOLD_STATE_DIR") ?? read("LOCAL_STATE_DIR") ?? "fold_state",
    mayColour: read("NO_COLOR") === undefined,
    columns: Number.isSafeInteger(columns) && columns > 0 ? columns : null,
    isDebug: read("FOLD_DEBUG") === "1",
  };
}

/** Address of the releases: the one in the environment, else that of the release which this program is of. */
export function readReleases(): string | null {
  return read("FOLD_RELEASES") ?? version.releases;
}

/** The storage that the environment names; not checked. */
export function readBackend(): string {
  return read("STORAGE_BACKEND") ?? "local";
}

/**
 * Reads what workers and all who look at their jobs go by.
 *
 * @param asked the storage that was asked for; null for STORAGE_BACKEND's
 * @throws FoldError `usage` for times that make no sense
 */
export function readWorkConfig(asked: string | null = null): WorkConfig {
  const backend = asked ?? readBackend();
  const heartbeat_ms = secondsOf("HEARTBEAT_INTERVAL", 60);
  const grace_ms = secondsOf("HEARTBEAT_GRACE_PERIOD", backend === "local" ? 600 : 300);
  if (grace_ms < 2 * heartbeat_ms) {
    throw new FoldError(
      "usage",
      `HEARTBEAT_GRACE_PERIOD, ${grace_ms / 1000} s, is less than two of HEARTBEAT_INTERVAL, ${heartbeat_ms / 1000} s`,
      "jobs would be given away while they run: set a longer grace period or a shorter interval",
    );
  }
  return {
    backend,
    workerId: read("WORKER_ID") ?? hostname(),
    heartbeat_ms,
    grace_ms,
    partsAfter_ms: secondsOf("FOLD_PARTS_AFTER", 30),
    whole_below_bytes: bytesOf("FOLD_WHOLE_BELOW", 1 << 20),
  };
}

/** Where the objects are, and the keys to them. */
export interface SpacesConfig {
  /** An http or https URL without a path. */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKey: string;
  /** Must never get into a message, a log or an argument. */
  readonly secretKey: string;
  readonly buckets: { readonly input: string; readonly results: string; readonly temp: string };
  readonly cacheDir: string;
  /** How much the cache may hold. */
  readonly cacheSize_bytes: number;
}

/** Without these nobody gets into Spaces. */
const spacesVariables = [
  "DO_SPACES_ENDPOINT",
  "DO_SPACES_REGION",
  "DO_SPACES_ACCESS_KEY",
  "DO_SPACES_SECRET_KEY",
] as const satisfies readonly VariableName[];

/** @throws FoldError `usage` that names all that is not set, so that nobody has to come back for the next one */
function needAll(names: readonly VariableName[]): void {
  const missing = names.filter((name) => read(name) === undefined);
  if (missing.length === 0) return;
  const [isDatabase, isSpaces] = [missing.includes("DATABASE_URL"), missing.some((name) => name !== "DATABASE_URL")];
  const database = "DATABASE_URL to postgres://USER:PASSWORD@HOST:PORT/DATABASE";
  const spaces = "DO_SPACES_... to where Spaces is and a key for it";
  throw new FoldError(
    "usage",
    `${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} not set`,
    `set ${[...(isDatabase ? [database] : []), ...(isSpaces ? [spaces] : [])].join(", and ")}; \`fold help environment\` describes the variables`,
  );
}

/** The text that a worker without coordination is to fold, as the environment says; null where it does not. */
export function readInputFile(): string | null {
  return read("INPUT_FILE") ?? null;
}

/**
 * Reads what is needed to reach Spaces.
 *
 * @throws FoldError `usage` that says what to set
 */
export function readSpacesConfig(): SpacesConfig {
  needAll(spacesVariables);
  const [endpoint, region, accessKey, secretKey] = spacesVariables.map((name) => read(name) ?? "") as [
    string,
    string,
    string,
    string,
  ];
  const buckets = {
    input: bucketOf("fold-input", "DO_SPACES_BUCKET_INPUT", "DO_SPACES_INPUT_BUCKET"),
    results: bucketOf("fold-results", "DO_SPACES_BUCKET_RESULTS", "DO_SPACES_ARCHIVE_BUCKET"),
    temp: bucketOf("fold-temp", "DO_SPACES_BUCKET_TEMP"),
  };
  if ([buckets.input, buckets.results].includes(buckets.temp)) {
    throw new FoldError(
      "usage",
      `the bucket ${buckets.temp} is to hold what passes and what stays`,
      "name another one in DO_SPACES_BUCKET_TEMP: its objects go after 30 days",
    );
  }
  const cacheDir = read("LOCAL_CACHE_DIR") ?? "/tmp/fold_cache";
  const cacheSize_bytes = bytesOf("FOLD_CACHE_SIZE", 10 * 2 ** 30);
  return { endpoint: endpointOf(endpoint), region, accessKey, secretKey, buckets, cacheDir, cacheSize_bytes };
}

/**
 * The name of a bucket. With a slash in it a request would be for an object of another bucket: its rules would not be
 * set, and the bucket for what passes could be the one for what stays.
 */
function bucketOf(initial: string, ...names: readonly VariableName[]): string {
  const name = names.find((candidate) => read(candidate) !== undefined);
  if (name === undefined) return initial;
  const bucket = read(name) ?? initial;
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$/.test(bucket) && !bucket.includes("..")) return bucket;
  throw new FoldError(
    "usage",
    `${name} cannot be ${JSON.stringify(bucket)}`,
    "give the name of a bucket: 3 characters or more, small letters, digits and dashes",
  );
}

/** The endpoint as an origin. The text itself is never told: it may hold a password. */
function endpointOf(text: string): string {
  const hint = "give a URL such as https://nyc3.digitaloceanspaces.com";
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !["http:", "https:"].includes(url.protocol)) {
    throw new FoldError("usage", "DO_SPACES_ENDPOINT is no http or https URL", hint);
  }
  const isBare = url.username === "" && url.password === "" && url.search === "" && /^\/*$/.test(url.pathname);
  if (!isBare) throw new FoldError("usage", "DO_SPACES_ENDPOINT holds more than a host and a port", hint);
  if (url.protocol === "http:" && !isLoopback(url.hostname) && read("DO_SPACES_ALLOW_HTTP") !== "1") {
    throw new FoldError(
      "usage",
      `DO_SPACES_ENDPOINT is plain http to ${url.hostname}: everybody on the way could read and change the texts`,
      "give an https URL, or set DO_SPACES_ALLOW_HTTP=1 if that network is yours",
    );
  }
  return url.origin;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** What the environment says about the database. */
export interface DatabaseConfig {
  /** Holds a password: not for messages. */
  readonly url: string;
}

/**
 * Reads where the database is.
 *
 * @throws FoldError `usage` when that is not said
 */
export function readDatabaseConfig(): DatabaseConfig {
  needAll(["DATABASE_URL"]);
  return { url: read("DATABASE_URL") ?? "" };
}

/**
 * Reads where the two services of a fleet are.
 *
 * @throws FoldError `usage` that names all that is missing of both
 */
export function readFleetConfig(): { readonly database: DatabaseConfig; readonly spaces: SpacesConfig } {
  needAll(["DATABASE_URL", ...spacesVariables]);
  return { database: readDatabaseConfig(), spaces: readSpacesConfig() };
}

function bytesOf(name: "FOLD_WHOLE_BELOW" | "FOLD_CACHE_SIZE", initial: number): number {
  const text = read(name) ?? String(initial);
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new FoldError("usage", `${name} cannot be ${JSON.stringify(text)}`, "give a number of bytes, 0 or more");
}

function secondsOf(
  name: "HEARTBEAT_INTERVAL" | "HEARTBEAT_GRACE_PERIOD" | "FOLD_PARTS_AFTER",
  initial: number,
): number {
  const text = read(name) ?? String(initial);
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (seconds > 0 && seconds <= MAX_SECONDS) return seconds * 1000;
  throw new FoldError(
    "usage",
    `${name} cannot be ${JSON.stringify(text)}`,
    `give seconds, above 0 and up to ${MAX_SECONDS}`,
  );
}

/** A week. */
const MAX_SECONDS = 604_800;
