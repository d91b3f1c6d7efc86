// A connection that breaks when a test wants it to: between a client and PostgreSQL, byte for byte.
import { afterAll } from "bun:test";
import type { Socket } from "bun";

/** What the server says when a statement and its transaction are over: ReadyForQuery, idle. */
const READY = Buffer.from("Z\0\0\0\x05I", "latin1");

interface Pair {
  server: Socket<Socket<Pair>> | null;
  readonly early: Uint8Array[];
}

/** What happens to answers. */
export type Mode =
  | "pass"
  /** The next answer to a statement is lost, and the connection with it: it was carried out, and nobody knows. */
  | "cut"
  /** The same, and from then on silence. */
  | "end"
  /** Nothing comes back any more, as if the network ended somewhere. */
  | "silence";

/** A proxy on a port of its own. */
export interface CutProxy {
  /** The URL to connect to instead. */
  readonly url: string;
  mode: Mode;
  /** So many answers still pass before one is lost. */
  passing: number;
  /** How many answers were lost. */
  cuts: number;
  /** How many pieces of answers went nowhere. */
  swallowed: number;
  /** End all connections, as a server does that shuts down. */
  readonly drop: () => void;
}

/**
 * Start a proxy; it ends with the tests of the file.
 *
 * @param url of the database behind it
 * @param hostname where it listens
 */
export function cutProxy(url: string, hostname = "127.0.0.1"): CutProxy {
  const target = new URL(url);
  const clients = new Set<Socket<Pair>>();
  const listener = Bun.listen<Pair>({
    hostname,
    port: 0,
    socket: {
      async open(client) {
        clients.add(client);
        client.data = { server: null, early: [] };
        const server = await connectTo(client, target, proxy);
        for (const bytes of client.data.early) server.write(bytes);
        client.data.server = server;
      },
      data(client, bytes) {
        if (client.data.server === null) client.data.early.push(Uint8Array.from(bytes));
        else client.data.server.write(bytes);
      },
      close(client) {
        clients.delete(client);
        client.data.server?.end();
      },
    },
  });
  afterAll(() => listener.stop(true));
  const address = new URL(url);
  address.host = `${hostname}:${listener.port}`;
  const drop = () => {
    for (const client of clients) client.end();
  };
  const proxy: CutProxy = { url: address.href, mode: "pass", passing: 0, cuts: 0, swallowed: 0, drop };
  return proxy;
}

function connectTo(client: Socket<Pair>, target: URL, proxy: CutProxy) {
  return Bun.connect<Socket<Pair>>({
    hostname: target.hostname,
    port: Number(target.port),
    data: client,
    socket: {
      data(server, bytes) {
        if (proxy.mode === "silence") {
          proxy.swallowed++;
          return;
        }
        const isAnswer = Buffer.from(bytes).includes(READY);
        if (proxy.mode === "pass" || !isAnswer || proxy.passing > 0) {
          if (isAnswer && proxy.mode !== "pass") proxy.passing--;
          server.data.write(bytes);
          return;
        }
        proxy.cuts++;
        proxy.mode = proxy.mode === "end" ? "silence" : "pass";
        server.data.terminate();
        server.terminate();
      },
      close(server) {
        server.data.end();
      },
    },
  });
}
