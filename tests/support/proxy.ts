// A proxy on loopback that hands bytes on unchanged, and at chosen requests does what networks do. It counts requests and
// knows where they end; what is signed stays as it was signed, for the other side takes any name in Host.
import { createServer, connect as open, type Socket } from "node:net";

/** What happens to a request. */
export type Fault =
  /** The request is read and answered with this status, and goes no further. */
  | { readonly kind: "status"; readonly status: number; readonly body?: string }
  /** The connection ends in the middle of the request, after so many bytes of its body were handed on. */
  | { readonly kind: "cut"; readonly after_bytes: number }
  /** The request is handed on and done, and the connection ends instead of an answer. */
  | { readonly kind: "lose" }
  /** The answer ends after so many bytes of its body: with a reset, or as if that were all. */
  | { readonly kind: "truncate"; readonly after_bytes: number; readonly isPolite: boolean }
  /** One bit of the answer's body is another. */
  | { readonly kind: "flip"; readonly at_byte: number }
  /** There is no answer. */
  | { readonly kind: "stall" }
  /** The answer says that it is so much later than it is. */
  | { readonly kind: "clock"; readonly ahead_ms: number }
  /** The answer comes in pieces of so many bytes, a millisecond apart. */
  | { readonly kind: "slow"; readonly piece_bytes: number };

/** A request as the proxy sees it. */
export interface Seen {
  /** From 1. */
  readonly number: number;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** Its first line and its headers. */
  readonly head: string;
}

export interface Proxy {
  readonly endpoint: string;
  readonly seen: readonly Seen[];
  close(): Promise<void>;
}

/** Start a proxy; `decide` is asked what happens to each request. */
export async function startProxy(target: string, decide: (request: Seen) => Fault | null): Promise<Proxy> {
  const { hostname, port } = new URL(target);
  const seen: Seen[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = open(Number(port), hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    const ask = (method: string, path: string, head: string) => {
      const request = { number: seen.length + 1, method, path, head };
      seen.push(request);
      return decide(request);
    };
    const exchange = new Exchange(client, upstream, ask);
    client.on("data", (bytes) => exchange.fromClient(bytes as Buffer));
    upstream.on("data", (bytes) => exchange.fromUpstream(bytes as Buffer));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address() as { port: number };
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

const END_OF_HEAD = "\r\n\r\n";

/** One connection: requests follow each other, an answer belongs to the last. */
class Exchange {
  private fault: Fault | null = null;
  /** Bytes of a head that is not whole yet. */
  private requestHead = Buffer.alloc(0);
  /** Bytes that the body of the request still has; a head is next where there are none. */
  private bodyLeft = 0;
  private bodyDone = 0;
  private answerHead = Buffer.alloc(0);
  /** Bytes of the answer's body that were seen; null while its head is not whole. */
  private answered: number | null = null;
  private isOver = false;

  constructor(
    private readonly client: Socket,
    private readonly upstream: Socket,
    private readonly decide: (method: string, path: string, head: string) => Fault | null,
  ) {}

  fromClient(bytes: Buffer): void {
    let rest = bytes;
    while (rest.length > 0 && !this.isOver) {
      if (this.bodyLeft > 0) {
        const piece = rest.subarray(0, this.bodyLeft);
        rest = rest.subarray(piece.length);
        this.bodyLeft -= piece.length;
        this.handOn(piece);
        this.bodyDone += piece.length;
      } else {
        this.requestHead = Buffer.concat([this.requestHead, rest]);
        const end = this.requestHead.indexOf(END_OF_HEAD);
        if (end < 0) return;
        rest = this.requestHead.subarray(end + END_OF_HEAD.length);
        this.startRequest(this.requestHead.subarray(0, end + END_OF_HEAD.length));
        this.requestHead = Buffer.alloc(0);
      }
      if (this.bodyLeft === 0) this.endRequest();
    }
  }

  private startRequest(head: Buffer): void {
    const text = head.toString("latin1");
    const [method = "", path = ""] = text.split(" ", 2);
    this.bodyLeft = Number(/^content-length: *(\d+)/im.exec(text)?.[1] ?? 0);
    this.bodyDone = 0;
    this.answered = null;
    this.answerHead = Buffer.alloc(0);
    this.fault = this.decide(method, path, text);
    const isForUs = this.fault?.kind === "status" || this.fault?.kind === "stall";
    // Who was told to wait for it sends the body at once.
    if (isForUs && /^expect: 100-continue/im.test(text)) this.client.write(`HTTP/1.1 100 Continue${END_OF_HEAD}`);
    this.handOn(head, true);
  }

  private handOn(bytes: Buffer, isHead = false): void {
    const { fault } = this;
    if (fault?.kind === "status" || fault?.kind === "stall") return;
    if (fault?.kind === "cut" && !isHead && this.bodyDone + bytes.length > fault.after_bytes) {
      this.upstream.write(bytes.subarray(0, fault.after_bytes - this.bodyDone), () => this.end());
      this.isOver = true;
      return;
    }
    this.upstream.write(bytes);
  }

  private endRequest(): void {
    if (this.fault?.kind === "cut" && !this.isOver) this.end();
    if (this.fault?.kind !== "status") return;
    const { status, body = "" } = this.fault;
    const head = `HTTP/1.1 ${status} Fault\r\nContent-Length: ${body.length}\r\nConnection: close${END_OF_HEAD}`;
    this.isOver = true;
    this.client.end(head + body);
  }

  fromUpstream(bytes: Buffer): void {
    if (this.isOver) return;
    if (this.answered !== null) {
      this.answer(bytes);
      return;
    }
    this.answerHead = Buffer.concat([this.answerHead, bytes]);
    const end = this.answerHead.indexOf(END_OF_HEAD);
    if (end < 0) return;
    const head = this.answerHead.subarray(0, end + END_OF_HEAD.length);
    const rest = this.answerHead.subarray(head.length);
    this.answerHead = Buffer.alloc(0);
    const isProvisional = /^HTTP\/1\.1 1\d\d/.test(head.toString("latin1"));
    if (!isProvisional && this.fault?.kind === "lose") {
      this.end();
      return;
    }
    this.client.write(this.fault?.kind === "clock" ? later(head, this.fault.ahead_ms) : head);
    if (isProvisional) {
      if (rest.length > 0) this.fromUpstream(rest);
      return;
    }
    this.answered = 0;
    if (rest.length > 0) this.answer(rest);
  }

  private answer(bytes: Buffer): void {
    const { fault } = this;
    const before = this.answered ?? 0;
    this.answered = before + bytes.length;
    if (fault?.kind === "truncate" && this.answered > fault.after_bytes) {
      this.isOver = true;
      const piece = bytes.subarray(0, fault.after_bytes - before);
      if (fault.isPolite) this.client.end(piece);
      else this.client.write(piece, () => this.client.resetAndDestroy());
      return;
    }
    if (fault?.kind === "flip" && before <= fault.at_byte && fault.at_byte < this.answered) {
      const changed = Buffer.from(bytes);
      changed[fault.at_byte - before]! ^= 1;
      this.client.write(changed);
      return;
    }
    if (fault?.kind === "slow") this.dribble(bytes, fault.piece_bytes);
    else if (!this.client.write(bytes)) this.waitForClient();
  }

  /** A slow reader must not fill our memory. */
  private waitForClient(): void {
    this.upstream.pause();
    this.client.once("drain", () => this.upstream.resume());
  }

  private dribble(bytes: Buffer, piece_bytes: number): void {
    this.upstream.pause();
    this.client.write(bytes.subarray(0, piece_bytes));
    const rest = bytes.subarray(piece_bytes);
    setTimeout(() => (rest.length > 0 ? this.dribble(rest, piece_bytes) : this.upstream.resume()), 1);
  }

  private end(): void {
    this.isOver = true;
    this.client.destroy();
    this.upstream.destroy();
  }
}

/** The head of an answer, with another time. */
function later(head: Buffer, ahead_ms: number): string {
  const change = (_: string, name: string) => `${name}${new Date(Date.now() + ahead_ms).toUTCString()}`;
  return head.toString("latin1").replace(/^(date: *)[^\r]*/im, change);
}
