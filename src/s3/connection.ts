import type { S3Client } from "@aws-sdk/client-s3";
import { type Patience, retrying, usualPatience } from "./retry.ts";
import { type Deed, type S3Error, stopped, toS3Error } from "./s3-error.ts";

/** Where an S3 service is, and the key to it. */
export interface S3Config {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

/** How to behave towards it. */
export interface S3Options {
  readonly patience?: Patience;
  /** A call without a sign of life for so long has failed. */
  readonly idle_ms?: number;
}

type Sdk = typeof import("@aws-sdk/client-s3");

/** What one try of a call works with. */
export interface Try {
  readonly client: S3Client;
  readonly sdk: Sdk;
  /** To be passed on with every command. */
  readonly how: { readonly abortSignal: AbortSignal };
  /** A sign of life: the time that may pass without one starts anew. */
  readonly touch: () => void;
}

/** A call: what it does, in words and as a function that may be called again. */
export interface Call<T> extends Deed {
  readonly signal?: AbortSignal | undefined;
  /** Bytes that are sent in one go, without a sign of life in between. */
  readonly upload_bytes?: number;
  readonly act: (one: Try) => Promise<T>;
  /** See retrying. */
  readonly settle?: (error: S3Error) => Promise<T | undefined>;
}

const IDLE_MS = 60_000;
/** 50 kB a second: a slower line counts as broken. */
const SLOWEST_BYTES_A_MS = 50;
const CONNECT_MS = 10_000;
/** Connections at the same time; more calls wait for one. */
const MOST_SOCKETS = 32;

/** A connection to an S3 service. The SDK is loaded with the first call. */
export class Connection {
  /** How far the clock over there is ahead of ours, by the last answer: to about a second. */
  skew_ms: number | null = null;
  private readonly patience: Patience;
  private readonly idle_ms: number;
  private parts: Promise<{ client: S3Client; sdk: Sdk }> | null = null;

  constructor(
    private readonly config: S3Config,
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
    const { client, sdk } = await this.open();
    const idle = new AbortController();
    const time_ms = this.idle_ms + (call.upload_bytes ?? 0) / SLOWEST_BYTES_A_MS;
    const timer = setTimeout(() => idle.abort(), time_ms);
    const abortSignal = call.signal === undefined ? idle.signal : AbortSignal.any([idle.signal, call.signal]);
    try {
      return await call.act({ client, sdk, how: { abortSignal }, touch: () => timer.refresh() });
    } catch (error) {
      if (call.signal?.aborted) throw stopped(call);
      throw toS3Error(error, call);
    } finally {
      clearTimeout(timer);
    }
  }

  /** The SDK and its client, made at the first call. */
  open(): Promise<{ client: S3Client; sdk: Sdk }> {
    this.parts ??= this.make();
    return this.parts;
  }

  /** Let go of all connections. */
  async close(): Promise<void> {
    (await this.parts)?.client.destroy();
    this.parts = null;
  }

  private async make() {
    const sdk = await import("@aws-sdk/client-s3");
    const { endpoint, region, accessKey, secretKey } = this.config;
    const client = new sdk.S3Client({
      endpoint,
      region,
      credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
      forcePathStyle: true,
      // Otherwise bodies would be sent as signed chunks, which Ceph does not take from everybody.
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
      // `retrying` does it: it looks at what became of a write before it is tried again.
      maxAttempts: 1,
      requestHandler: {
        connectionTimeout: CONNECT_MS,
        httpAgent: { keepAlive: true, maxSockets: MOST_SOCKETS },
        httpsAgent: { keepAlive: true, maxSockets: MOST_SOCKETS },
      },
    });
    this.adapt(client);
    return { client, sdk };
  }

  private adapt(client: S3Client): void {
    // It would name our region in a place where Ceph expects the name of a placement.
    client.middlewareStack.remove("locationConstraintMiddleware");
    client.middlewareStack.add(
      (next) => (args) => {
        const { headers } = args.request as { headers: Record<string, string> };
        // The MD5 is signed and vouches for the body: no second hash of it, here or there.
        if (headers["content-md5"] !== undefined) headers["x-amz-content-sha256"] = "UNSIGNED-PAYLOAD";
        return next(args);
      },
      { step: "build", name: "foldSignHashOnly", priority: "low" },
    );
    client.middlewareStack.add(
      (next) => async (args) => {
        const answer = await next(args);
        const { headers } = answer.response as { headers?: Record<string, string> };
        const time_ms = Date.parse(headers?.date ?? "");
        // The header tells whole seconds, rounded down.
        if (!Number.isNaN(time_ms)) this.skew_ms = time_ms + 500 - Date.now();
        return answer;
      },
      { step: "deserialize", name: "foldClock", priority: "low" },
    );
  }
}
