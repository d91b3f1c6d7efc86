import { createHash } from "node:crypto";

/** An S3 key may have 1,024 bytes; this much is left for the name before time, random part and ending. */
const LONGEST_NAME_BYTES = 900;
const ARCHIVE = /^(.+)_\d{8}T\d{9}Z_[0-9a-f]{8}\.tar\.zst$/s;
const TIME = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})(\d{3})Z/;
const TIME_FROM_END = "20000101T000000000Z_00000000.tar.zst".length;
const LONGEST_SLUG = 40;
const HASH_DIGITS = 12;

/** The name that a text has by its key: without the ending. */
export function nameOfInput(key: string): string {
  return key.endsWith(".txt") && key !== ".txt" ? key.slice(0, -".txt".length) : key;
}

/** A key for an archive that no other has: `<name>_<time>_<random>.tar.zst`. */
export function newArchiveKey(name: string, now: Date): string {
  const time = now.toISOString().replace(/[-:.]/g, "");
  return `${keyPart(name)}_${time}_${crypto.randomUUID().slice(0, 8)}.tar.zst`;
}

/** What the keys of all archives of a name start with, time and random part aside. */
export function keyPart(name: string): string {
  if (Buffer.byteLength(name) <= LONGEST_NAME_BYTES) return name;
  const kept = Buffer.from(name).subarray(0, LONGEST_NAME_BYTES).toString().replace(/�$/, "");
  return `${kept}~${hashOf(name)}`;
}

/** The part of a key that keyPart makes; null for a key that is not of that kind. */
export function keyPartOf(key: string): string | null {
  return ARCHIVE.exec(key)?.[1] ?? null;
}

/** The time in a key of newArchiveKey; null for others. */
export function timeOf(key: string): number | null {
  const time = keyPartOf(key) === null ? null : key.slice(-TIME_FROM_END).replace(TIME, "$1-$2-$3T$4:$5:$6.$7Z");
  const time_ms = time === null ? Number.NaN : Date.parse(time.slice(0, "2000-01-01T00:00:00.000Z".length));
  // Somebody else's digits need not be a time.
  return Number.isNaN(time_ms) ? null : time_ms;
}

/** The id of a job: readable as far as that goes, and different wherever anything that it is made from is. */
export function jobId(name: string, ...rest: readonly unknown[]): string {
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, LONGEST_SLUG);
  return `${slug === "" ? "text" : slug}-${hashOf(JSON.stringify([name, ...rest]))}`;
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, HASH_DIGITS);
}
