import { type Patience, retrying, usualPatience } from "./retry.ts";
import { type Deed, ErrorAnswer, type S3Error, stopped, toS3Error } from "./s3-error.ts";
import { type S3Config, type S3Request, sign } from "./sign.ts";
import { errorCodeOf } from "./xml.ts";

/** How to behave towards an S3 service. */
export interface S3Options {
  readonly patience?: Patience;
  /** A call without a sign of life for so long has failed. */
  readonly idle_ms?: number;
}

/** What one try of a call works with. */
export interface Try {
  /** Send a request, and wait until its answer begins; its body must be read within the try. */
  readonly send: (request: S3Request) => Promise<Response>;
  /** Aborted when the try is over: stopped, or without a sign of life for too long. */
  readonly signal: AbortSignal;
  /** A sign of life: the time that may pass without one starts anew. */
  readonly touch: () => void;
}

/** A call: what it does, in words and as a function that may be called again. */
export interface Call<T> extends Deed {
  readonly signal?: AbortSignal | undefined;
  /** Bytes that are sent in one go, without a sign of life in between; with those that are sent at the same time. */
  readonly upload_bytes?: number;
  readonly act: (one: Try) => Promise<T>;
  /** See retrying. */
  readonly settle?: (error: S3Error) => Promise<T | undefined>;
}

/** Also for somebody who does not take connections: nothing tells that before. */
const IDLE_MS = 30_000;
/** 50 kB a second: a slower line counts as broken. */
const SLOWEST_BYTES_A_MS = 50;

/** How a request is answered that cannot be, whatever it asks: with a wrong key, clock or region. */
const TOLD_OF_ALL: ReadonlySet<number> = new Set([400, 403]);

/** A connection to an S3 service: any number of sockets, which are opened when they are needed. */
export class Connection {
  /** How far the clock over there is ahead of ours, by the last answer: to about a second. */
  skew_ms: number | null = null;
  private readonly patience: Patience;
  private readonly idle_ms: number;

  constructor(
    readonly config: S3Config,
    options: S3Options = {},
  ) {
    this.patience = options.patience ?? usualPatience;
    this.idle_ms = options.idle_ms ?? IDLE_MS;
  }

  /**
   * Make a call, as often as it takes and patience allows.
   *
   * @throws S3Error; FoldError `interrupted`
   */
  async call<T>(call: Call<T>): Promise<T> {
    return await retrying(this.patience, call, call.signal, () => this.once(call), call.settle);
  }

  private async once<T>(call: Call<T>): Promise<T> {
    const idle = new AbortController();
    const time_ms = this.idle_ms + (call.upload_bytes ?? 0) / SLOWEST_BYTES_A_MS;
    const timer = setTimeout(() => idle.abort(), time_ms);
    const signal = call.signal === undefined ? idle.signal : AbortSignal.any([idle.signal, call.signal]);
    try {
      const send = (request: S3Request) => this.send(request, signal, call);
      return await call.act({ send, signal, touch: () => timer.refresh() });
    } catch (error) {
      if (call.signal?.aborted) throw stopped(call);
      throw toS3Error(error, call);
    } finally {
      clearTimeout(timer);
    }
  }

  /** @throws ErrorAnswer; whatever `fetch` does */
  private async send(request: S3Request, signal: AbortSignal, deed: Deed): Promise<Response> {
    const { method, body = null } = request;
    const { url, headers: signed } = sign(this.config, request);
    // Not signed, as something in between may change it.
    const headers = { ...signed, "accept-encoding": "identity" };
    const options = { method, headers, body, signal, redirect: "manual", decompress: false } as const;
    const response = await fetch(url, options);
    this.readClock(response);
    if (!response.ok) throw new ErrorAnswer(response.status, await this.reasonOf(response, request, signal, deed));
    return response;
  }

  /** What an error calls itself; undefined where nobody tells. */
  private async reasonOf(
    response: Response,
    { method, bucket }: S3Request,
    signal: AbortSignal,
    deed: Deed,
  ): Promise<string | undefined> {
    const { status } = response;
    if (method !== "HEAD" || !TOLD_OF_ALL.has(status)) return await errorCodeOf(response, deed);
    // The answer to a HEAD has no body. What is wrong with a key or a clock is told about every request.
    try {
      const query = { "list-type": "2", "max-keys": "0" };
      await (await this.send({ method: "GET", bucket, query }, signal, deed)).body?.cancel();
    } catch (error) {
      if (!(error instanceof ErrorAnswer)) throw error;
      if (error.status === status) return error.errorCode;
    }
    return undefined;
  }

  private readClock(response: Response): void {
    const time_ms = Date.parse(response.headers.get("date") ?? "");
    // The header tells whole seconds, rounded down.
    if (!Number.isNaN(time_ms)) this.skew_ms = time_ms + 500 - Date.now();
  }
}
