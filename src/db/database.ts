import { FoldError } from "../errors.ts";
import { type Address, parseAddress, tlsOf } from "./connection.ts";
import { Contact, type FirstContact } from "./contact.ts";
import { fromDatabaseError, isConnectionLost, isTakenBack } from "./failures.ts";
import { type Client, Pool } from "./pool.ts";

export type { Client } from "./pool.ts";

export interface DatabaseOptions {
  /** DATABASE_URL. */
  readonly url: string;
  /** Most connections at a time. */
  readonly max?: number;
  /** How long to try again while there is no connection, from the first time that it was missed. */
  readonly patience_ms?: number;
  /** Without an answer for so long a connection counts as lost. */
  readonly reply_ms?: number;
  /** What is different until the server has answered for the first time. */
  readonly contact?: FirstContact;
}

/** One thing to be done in the database, in such a way that it is done once. */
export interface Task<T> {
  /** A single statement or transaction. */
  readonly run: (sql: Client) => Promise<T>;
  /**
   * Asked once an answer was lost: what `run` has done, if it was carried out after all; null when it was not. Left
   * out where carrying it out twice gives the same.
   */
  readonly find?: (sql: Client) => Promise<T | null>;
  /** How long to try again while there is no connection; left out: as long as the database does. */
  readonly patience_ms?: number;
}

const MOST_CONNECTIONS = 4;
const PATIENCE_MS = 30_000;
const REPLY_MS = 60_000;
const CONNECT_S = 10;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;

/**
 * A connection to PostgreSQL that gets over restarts, killed backends and poolers in transaction mode.
 *
 * A statement whose connection breaks may have been carried out or not. So it is tried again only after asking what
 * has become of it (`Task.find`), until it succeeds or the patience is over.
 */
export class Database {
  private isClosed = false;
  /** What ends the pauses that are under way. */
  private readonly wakes = new Set<() => void>();

  constructor(
    /** Host, port and name of the database, for messages. */
    readonly place: string,
    private readonly pool: Pool,
    private readonly patience_ms: number,
    private readonly reply_ms: number,
    private readonly contact: Contact,
  ) {}

  /**
   * Carry out a task once.
   *
   * @throws FoldError `unreachable` when there was no connection for the patience, `refused`, `schema`, `failed`
   */
  async do<T>(task: Task<T>): Promise<T> {
    this.contact.begin();
    try {
      return await this.doOnce(task);
    } finally {
      this.contact.end();
    }
  }

  private async doOnce<T>({ run, find, patience_ms = this.patience_ms }: Task<T>): Promise<T> {
    const started_ms = performance.now();
    // Set by the first failure: whoever waited long for an answer that was lost must still learn what became of it.
    let deadline: number | null = null;
    let isUnsure = false;
    for (let tries = 0; ; tries++) {
      try {
        if (isUnsure && find !== undefined) {
          const done = await this.answered(find);
          if (done !== null) return done;
        }
        return await this.answered(run);
      } catch (error) {
        // While the first try was still under way, the second found nothing to do any more, or its own key taken.
        if (isUnsure && find !== undefined && !isConnectionLost(error)) {
          const done = await this.answered(find).catch(() => null);
          if (done !== null) return done;
        }
        this.contact.failed(error);
        const isLost = isConnectionLost(error);
        deadline ??= performance.now() + (isLost ? patience_ms : this.patience_ms);
        isUnsure ||= isLost;
        const longest_ms = this.contact.longestPause_ms(LONGEST_PAUSE_MS);
        const pause_ms = Math.random() * Math.min(longest_ms, FIRST_PAUSE_MS * 2 ** tries);
        const mayRetry = (isLost || isTakenBack(error)) && !this.isClosed;
        const until = this.contact.deadline_ms(started_ms, deadline);
        if (!mayRetry || performance.now() + pause_ms > until) throw fromDatabaseError(error, this.place);
        await this.pause(pause_ms);
      }
    }
  }

  /** A single statement that may be carried out twice. */
  async ask<T>(run: (sql: Client) => Promise<T>): Promise<T> {
    return await this.do({ run });
  }

  /** Close all connections; what is under way is cut off. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.contact.end();
    for (const wake of this.wakes) wake();
    await this.pool.close();
  }

  /** Until it is over, or the connections are closed. */
  private pause(time_ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.wakes.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, time_ms);
      this.wakes.add(wake);
    });
  }

  private async answered<T>(run: (sql: Client) => Promise<T>): Promise<T> {
    const client = await this.pool.take();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const silence = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new NoReply(this.reply_ms)), this.reply_ms);
    });
    let isLost = false;
    try {
      return await Promise.race([run(client), silence]);
    } catch (error) {
      isLost = isConnectionLost(error);
      throw error;
    } finally {
      clearTimeout(timer);
      if (isLost) this.pool.discard(client);
      else this.pool.giveBack(client);
    }
  }
}

class NoReply extends Error {
  readonly code = "REPLY_TIMEOUT";

  constructor(reply_ms: number) {
    super(`no answer for ${reply_ms / 1000} s`);
  }
}

/**
 * Open a pool of connections; the first is made by the first statement.
 *
 * @param options where, how many, and how long to wait
 * @throws FoldError `usage` for a URL that is none
 * @example
 * const database = await openDatabase({ url: readDatabaseConfig().url });
 * try { await claimJob(database, wanted); } finally { await database.close(); }
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const address = parseAddress(options.url);
  const tls = tlsOf(address);
  const contact = new Contact(placeOf(address), options.contact ?? {});
  // Loaded here: whoever folds a text on his own machine needs no database.
  const { default: postgres } = await import("postgres");
  const connect = () =>
    postgres({
      host: address.host,
      port: address.port,
      user: address.user,
      pass: address.password,
      database: address.database,
      ssl: tls,
      max: 1,
      // Behind a pooler in transaction mode the next statement may go to another server, which knows no names.
      prepare: false,
      connect_timeout: CONNECT_S,
      // Waiting is done by Database.do, which knows for how long.
      backoff: () => 0,
      // Arrays come and go as JSON, so their types need not be asked for at each connection.
      fetch_types: false,
      keep_alive: 30,
      connection: { application_name: "fold" },
      types: { bigint: { to: 20, from: [20], serialize: (value: number) => String(value), parse: safeInteger } },
      onnotice: () => {},
      // What a server says of itself once it has let somebody in.
      onparameter: () => contact.made(),
    });
  const { max = MOST_CONNECTIONS, patience_ms = PATIENCE_MS, reply_ms = REPLY_MS } = options;
  return new Database(placeOf(address), new Pool(connect, max), patience_ms, reply_ms, contact);
}

/** Host, port and name of a database, for messages. */
export function placeOf({ host, port, database }: Address): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}/${database}`;
}

function safeInteger(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value;
  throw new FoldError(
    "corrupt",
    `the database holds the number ${text}, which is too large`,
    "no such number is fold's",
  );
}
