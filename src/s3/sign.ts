import aws4 from "aws4";
import { FoldError } from "../errors.ts";
import { md5Of, toBase64 } from "./etag.ts";

/** Where an S3 service is, and the key to it. */
export interface S3Config {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

/** Wider than S3's own rule, for buckets from before it; but never a part of the path that is more, or less, than a bucket. */
const BUCKET = /^\w[\w.-]*$/;

/** What is asked of the service. */
export interface S3Request {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  readonly bucket: string;
  /** None for what concerns the bucket itself. */
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Their names in small letters. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

/** A request that shows who makes it. */
export interface SignedRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Sign a request by its headers. A body goes with its MD5, which is signed and vouches for it: there is no second hash of
 * it, here or there, and no body in signed chunks, which Ceph does not take from everybody.
 *
 * @throws FoldError `usage` for a key that no URL can name, and for what is no name of a bucket
 */
export function sign(config: S3Config, request: S3Request): SignedRequest {
  const headers: Record<string, string> = { ...request.headers };
  if (request.body !== undefined) {
    headers["content-md5"] ??= toBase64(md5Of(request.body));
    headers["content-type"] ??= "application/xml";
    headers["x-amz-content-sha256"] = "UNSIGNED-PAYLOAD";
  }
  return signed(config, request, { headers });
}

/** A URL that is a signed GET for some time, for whoever has it. */
export function signUrl(config: S3Config, request: S3Request, expires_s: number): string {
  const query = { ...request.query, "X-Amz-Expires": String(expires_s) };
  return signed(config, { ...request, query }, { signQuery: true }).url;
}

function signed(
  { endpoint, region, accessKey, secretKey }: S3Config,
  { method, bucket, key = "", query = {} }: S3Request,
  how: { readonly headers?: Record<string, string>; readonly signQuery?: boolean },
): SignedRequest {
  if (!BUCKET.test(bucket)) {
    const hint = "check DO_SPACES_BUCKET_...: a folder within a bucket is none";
    throw new FoldError("usage", `${JSON.stringify(bucket)} is no name of a bucket`, hint);
  }
  const { protocol, host, pathname } = new URL(endpoint);
  const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey };
  const path = `${pathname.replace(/\/$/, "")}/${bucket}${pathOf(key)}${queryOf(query)}`;
  const { path: whole, headers } = aws4.sign({ ...how, method, host, path, service: "s3", region }, credentials);
  return { url: `${protocol}//${host}${whole}`, headers: headers as Record<string, string> };
}

/** Whether a key has steps that make another key of it in a URL, as of a path: "." and "..". */
export function hasDotSteps(key: string): boolean {
  return key.split("/").some((step) => step === "." || step === "..");
}

function pathOf(key: string): string {
  if (hasDotSteps(key)) {
    const message = `the object ${JSON.stringify(key)} cannot be asked for: no URL can have . or .. between slashes`;
    throw new FoldError("usage", message, "give it another name");
  }
  return `/${key.split("/").map(encode).join("/")}`;
}

function queryOf(query: Readonly<Record<string, string>>): string {
  const parts = Object.entries(query).map(([name, value]) => `${name}=${encode(value)}`);
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
}

/** As RFC 3986 has it, and signatures. */
function encode(part: string): string {
  return encodeURIComponent(part).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}
