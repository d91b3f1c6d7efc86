import { createHash } from "node:crypto";
import type { FoldOptions } from "../../archive/manifest.ts";
import type { JobStatus } from "../../db/rows.ts";
import { MOST_AT_ONCE, type NewJob, type Submitted, submitJobs } from "../../db/submit-jobs.ts";
import type { CloudParts } from "./cloud-parts.ts";
import { inputKey } from "./keys.ts";

const UPLOADS_AT_ONCE = 4;

/** A text that is to be folded. */
export interface TextToFold {
  /** What its archive will be called. */
  readonly name: string;
  readonly size_bytes: number;
  /** Of its bytes, lower-case hex. */
  readonly sha256: string;
  /** Where the bytes are: in memory, or in a file. */
  readonly content: Uint8Array | string;
}

export interface SubmitOptions {
  readonly max_dims: number | null;
  readonly min_volume: number;
  /** Each text becomes so many jobs, whose archives are joined without folding again; 1 for one job. */
  readonly shards: number;
  /** One archive of all texts of this call, merged as they are done. */
  readonly merge: boolean;
  /** Make new jobs, also of what was submitted before. */
  readonly again: boolean;
  readonly signal?: AbortSignal;
}

/** What became of one text. */
export interface SubmittedText {
  readonly name: string;
  readonly size_bytes: number;
  /** false when the same content was in the bucket already. */
  readonly isUploaded: boolean;
  readonly jobs: readonly SubmittedJob[];
}

/** A job of a text. */
export interface SubmittedJob {
  readonly id: string;
  /** false when the same was submitted before. */
  readonly isNew: boolean;
  readonly status: JobStatus;
  readonly shard: FoldOptions["shard"];
}

/**
 * Upload texts and queue their jobs: the text before the job that names it. The same text with the same options,
 * submitted twice, is one job; a batch is the same when the same texts are in it.
 */
export async function submitTexts(
  cloud: CloudParts,
  texts: readonly TextToFold[],
  options: SubmitOptions,
): Promise<SubmittedText[]> {
  const database = await cloud.database();
  const nonce = options.again ? crypto.randomUUID() : "";
  const batch = options.merge ? uuidOf("batch", nonce, optionsKey(options), ...texts.map(keyOfText).sort()) : null;
  await cloud.sign("input", { signal: options.signal });
  const uploaded = await uploadAll(cloud, texts, options.signal);
  const jobs = texts.flatMap((text) => jobsOf(text, batch, nonce, options));
  const submitted: Submitted[] = [];
  for (let at = 0; at < jobs.length; at += MOST_AT_ONCE) {
    submitted.push(...(await submitJobs(database, jobs.slice(at, at + MOST_AT_ONCE))));
  }
  // A collection of texts may have thrown away until now what no job needed; from here on a job does.
  await uploadAll(cloud, texts, options.signal);
  return texts.map(({ name, size_bytes }, number) => {
    const from = number * options.shards;
    const own = submitted.slice(from, from + options.shards);
    const parts = own.map((job, i) => ({ ...job, shard: jobs[from + i].options.shard }));
    return { name, size_bytes, isUploaded: uploaded.has(texts[number].sha256), jobs: parts };
  });
}

/** Upload each content once, some at a time; the hashes of those that were not there. */
async function uploadAll(
  cloud: CloudParts,
  texts: readonly TextToFold[],
  signal?: AbortSignal,
): Promise<ReadonlySet<string>> {
  const waiting = [...new Map(texts.map((text) => [text.sha256, text])).values()];
  const uploaded = new Set<string>();
  const next = async (): Promise<void> => {
    for (let text = waiting.shift(); text !== undefined; text = waiting.shift()) {
      if (await upload(cloud, text, signal)) uploaded.add(text.sha256);
    }
  };
  await Promise.all(Array.from({ length: UPLOADS_AT_ONCE }, next));
  return uploaded;
}

async function upload(cloud: CloudParts, text: TextToFold, signal?: AbortSignal): Promise<boolean> {
  const { size_bytes, sha256, content } = text;
  const key = inputKey(sha256);
  const found = await cloud.input.head(key, { signal });
  if (found?.sha256 === sha256 && found.size_bytes === size_bytes) return false;
  if (typeof content === "string") await cloud.input.putFile(key, content, { sha256, signal });
  else await cloud.input.put(key, content, { signal });
  return true;
}

function jobsOf(text: TextToFold, batch: string | null, nonce: string, options: SubmitOptions): NewJob[] {
  const { max_dims, min_volume, shards } = options;
  const key = [keyOfText(text), optionsKey(options), batch ?? "", nonce];
  const family = shards > 1 ? hashOf("family", ...key) : null;
  return Array.from({ length: shards }, (_, i) => {
    const shard = shards > 1 ? { number: i + 1, of: shards } : null;
    return {
      name: text.name,
      options: { max_dims, min_volume, shard },
      batch,
      family,
      dedupeKey: hashOf("job", ...key, String(i + 1)),
      size_bytes: text.size_bytes,
      inputPath: inputKey(text.sha256),
    };
  });
}

function optionsKey({ max_dims, min_volume, shards }: SubmitOptions): string {
  return JSON.stringify([max_dims, min_volume, shards]);
}

function keyOfText({ name, sha256 }: TextToFold): string {
  return `${sha256} ${name}`;
}

/** One hash of several texts, whatever is in them. */
function hashOf(...parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

/** A UUID (version 8, RFC 9562) made of a hash: the same for the same texts. */
function uuidOf(...parts: readonly string[]): string {
  const hex = hashOf(...parts);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
