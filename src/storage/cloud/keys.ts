import type { Buckets } from "./cloud-config.ts";

/**
 * Where things lie in the buckets:
 *
 *     input     inputs/<sha256>.txt                     texts, by their content: the same text is there once
 *     results   archives/<uuid>.tar.zst                 archives; the uuid is new with every try to upload one
 *     temp      jobs/<job>/<attempt, 6 digits>/<part>   what a running job has finished
 *     each      <as above>/fleets/<uuid>                which databases have something there
 *
 * A key that an attempt writes is its own: a worker that was suspended and wakes up overwrites nothing of its successor's.
 */

const ATTEMPT_DIGITS = 6;
const PART = /^jobs\/([0-9a-f-]{36})\/(\d{6})\/([^/]+)$/;

export const INPUTS = "inputs/";
export const ARCHIVES = "archives/";
export const JOBS = "jobs/";

/** What all keys of a bucket begin with: a limited key may do nothing elsewhere. */
export const prefixes: Readonly<Record<keyof Buckets, string>> = { input: INPUTS, results: ARCHIVES, temp: JOBS };

/** What the signatures of all databases begin with. Nothing else that is told by its key looks like one. */
export function signaturesBelow(prefix: string): string {
  return `${prefix}fleets/`;
}

/** @param id of a database: see FleetIdentity */
export function signatureKey(prefix: string, id: string): string {
  return `${signaturesBelow(prefix)}${id}`;
}

/** @param sha256 of the text, lower-case hex */
export function inputKey(sha256: string): string {
  return `${INPUTS}${sha256}.txt`;
}

/** The hash that the key of a text says; null for one that somebody else has put there. */
export function sha256OfInput(key: string): string | null {
  return /^inputs\/([0-9a-f]{64})\.txt$/.exec(key)?.[1] ?? null;
}

/** A key that no other archive has. */
export function newArchiveKey(): string {
  return `${ARCHIVES}${crypto.randomUUID()}.tar.zst`;
}

/** Whether a key is one that newArchiveKey has made. */
export function isArchiveKey(key: string): boolean {
  return /^archives\/[0-9a-f-]{36}\.tar\.zst$/.test(key);
}

/** What all parts of a job begin with. */
export function partsOfJob(jobId: string): string {
  return `${JOBS}${jobId}/`;
}

export function partKey(jobId: string, attempt: number, name: string): string {
  return `${partsOfJob(jobId)}${String(attempt).padStart(ATTEMPT_DIGITS, "0")}/${name}`;
}

/** What a key says of the part under it; null for a key that is not a part's. */
export function parsePartKey(key: string): { jobId: string; attempt: number; name: string } | null {
  const match = PART.exec(key);
  return match === null ? null : { jobId: match[1], attempt: Number(match[2]), name: match[3] };
}
