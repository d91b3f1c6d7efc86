import type { Sql } from "postgres";

/** A connection, with bigint columns read as numbers. */
export type Client = Sql<{ bigint: number }>;

/**
 * Some connections to one server, made when they are needed. Each carries one statement or transaction at a time.
 *
 * One that has failed is thrown away, and not connected again: postgres.js keeps what it was about to send when the
 * server hung up, and from then on that object never gets through to a server that is long back.
 */
export class Pool {
  private readonly all = new Set<Client>();
  private readonly free: Client[] = [];
  private readonly waiting: PromiseWithResolvers<Client>[] = [];
  private isClosed = false;

  /**
   * @param connect makes a client of a single connection
   * @param most connections at a time
   */
  constructor(
    private readonly connect: () => Client,
    private readonly most: number,
  ) {}

  /** The connection that was free last, or a new one; when all are taken, the next that is given back. */
  async take(): Promise<Client> {
    if (this.isClosed) throw new Closed();
    const free = this.free.pop();
    if (free !== undefined) return free;
    if (this.all.size < this.most) return this.add();
    const turn = Promise.withResolvers<Client>();
    this.waiting.push(turn);
    return await turn.promise;
  }

  /** Done with it, and it works. */
  giveBack(client: Client): void {
    const next = this.waiting.shift();
    if (next === undefined) this.free.push(client);
    else next.resolve(client);
  }

  /** Done with it, and nobody is to have it again; what is under way on it is cut off. */
  discard(client: Client): void {
    this.all.delete(client);
    client.end({ timeout: 0 }).catch(() => {});
    this.waiting.shift()?.resolve(this.add());
  }

  /** Close all connections; what is under way is cut off. */
  async close(): Promise<void> {
    this.isClosed = true;
    for (const turn of this.waiting.splice(0)) turn.reject(new Closed());
    await Promise.all([...this.all].map((client) => client.end({ timeout: 0 })));
  }

  private add(): Client {
    const client = this.connect();
    this.all.add(client);
    return client;
  }
}

class Closed extends Error {
  readonly code = "CONNECTION_ENDED";

  constructor() {
    super("the connections are closed");
  }
}
