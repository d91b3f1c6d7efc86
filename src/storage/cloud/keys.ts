/**
 * Where things lie in the buckets:
 *
 *     input     inputs/<sha256>.txt                     texts, by their content: the same text is there once
 *     results   archives/<uuid>.tar.zst                 archives; the uuid is new with every try to upload one
 *     temp      jobs/<job>/<attempt, 6 digits>/<part>   what a running job has finished
 *
 * A key that an attempt writes is its own: a worker that was suspended and wakes up overwrites nothing of its successor's.
 */

const ATTEMPT_DIGITS = 6;
const PART = /^jobs\/([0-9a-f-]{36})\/(\d{6})\/([^/]+)$/;

export const INPUTS = "inputs/";
export const ARCHIVES = "archives/";
export const JOBS = "jobs/";

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
