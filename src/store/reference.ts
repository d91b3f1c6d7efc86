import { readFileSync } from "node:fs";
import { FoldError, fromSystemError } from "../errors.ts";

/** Version of the form of references; a newer one is refused. */
export const REFERENCE_VERSION = 1;

/** A reference is some 300 bytes a file. What is larger is none: the check of a store reads all that begin like one. */
export const MAX_REFERENCE_BYTES = 128 << 20;

/** What stands around the members is a hundred bytes for each: more than this no honest archive has. */
export const MAX_AROUND_BYTES = 64 << 20;

/** Ending of the file that a reference is kept in. */
export const REFERENCE_ENDING = ".json";

/** A regular file and the object that holds it. */
export interface FileMember {
  readonly type: "file";
  readonly path: string;
  /** Permission bits as four octal digits. */
  readonly mode: string;
  /** Size and SHA-256 of the raw bytes. */
  readonly size: number;
  readonly sha256: string;
  /** The object, and its size: in an archive a zstd frame that holds the raw bytes, else the raw bytes. */
  readonly object: string;
  readonly stored: number;
}

export interface FolderMember {
  readonly type: "folder";
  readonly path: string;
  readonly mode: string;
}

export interface LinkMember {
  readonly type: "link";
  readonly path: string;
  readonly target: string;
}

export type Member = FileMember | FolderMember | LinkMember;

/** What stands around the members in a tar.zst file of fold's own: headers, padding, seek table, compressed. */
export interface Frame {
  readonly tar_sha256: string;
  /** The object that holds all of it, in the order of the file. */
  readonly object: string;
  /** How many bytes of the object stand before each member, and behind the last. */
  readonly lengths: readonly number[];
}

/** An archive as the store keeps it. */
export interface Reference {
  readonly fold_archive: number;
  readonly name: string;
  /** A tar.zst of fold's own, frame by frame; a folder; or any other file. */
  readonly kind: "archive" | "folder" | "file";
  readonly members: readonly Member[];
  /** null for all but archives. */
  readonly frame: Frame | null;
  /** Permission bits of a folder itself; references from before they were kept have none. */
  readonly mode?: string;
  /** SHA-256 of the reference without this field, as JSON without white space. */
  readonly sha256: string;
}

/** The objects that a reference needs, with their sizes. */
export function objectsOf({ members, frame }: Reference): Map<string, number> {
  const objects = new Map<string, number>();
  for (const member of members) if (member.type === "file") objects.set(member.object, member.stored);
  if (frame !== null) objects.set(frame.object, sum(frame.lengths));
  return objects;
}

/** How many bytes come out when a reference is restored. */
export function restoredSize({ kind, members, frame }: Reference): number {
  const files = members.filter((member) => member.type === "file");
  if (kind !== "archive") return sum(files.map(({ size }) => size));
  return sum(files.map(({ stored }) => stored)) + sum(frame?.lengths ?? []);
}

/** Complete a reference with its own hash. */
export function sealReference(reference: Omit<Reference, "sha256">): Reference {
  return { ...reference, sha256: sealOf(reference) };
}

/** Whether two references are the same, or differ in no more than that one is from before modes of folders were kept. */
export function isSame(known: Reference, added: Reference): boolean {
  if (known.sha256 === added.sha256) return true;
  const { sha256: _, mode: _mode, ...rest } = added;
  return known.sha256 === sealOf(rest);
}

/** The bytes of a reference's file. */
export function encodeReference(reference: Reference): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(reference, null, 1)}\n`);
}

/**
 * Read and check a reference.
 *
 * @param file named in errors
 * @throws FoldError `corrupt`, or `failed` for a version that is newer than this program
 */
export function decodeReference(bytes: Uint8Array, file: string): Reference {
  let reference: Reference;
  try {
    reference = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as Reference;
  } catch (cause) {
    throw damaged(file, "it is no JSON", cause);
  }
  if (typeof reference?.fold_archive !== "number") throw damaged(file, "it has no format version");
  if (reference.fold_archive > REFERENCE_VERSION) {
    const known = `this program knows up to ${REFERENCE_VERSION}`;
    throw new FoldError("failed", `${file} has version ${reference.fold_archive}, and ${known}`, "get a newer fold");
  }
  if (!isSealed(reference, file)) throw damaged(file, "it does not match its own hash");
  const problem = problemOf(reference);
  if (problem !== null) throw damaged(file, problem);
  return reference;
}

/** @throws FoldError `not_found`, or as decodeReference */
export function readReference(file: string): Reference {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw fromSystemError(error, "read the reference", file);
  }
  return decodeReference(bytes, file);
}

/** What keeps members from being restored below one folder; null when nothing does. */
export function problemOfPaths(members: readonly Member[]): string | null {
  const links = new Set(members.filter(({ type }) => type === "link").map(({ path }) => path));
  const seen = new Set<string>();
  for (const member of members) {
    const { path } = member;
    const shown = JSON.stringify(path);
    const parts = path.split("/");
    if (!parts.every(isPlain)) return `it holds the path ${shown}, which leads out of its folder`;
    if (seen.has(path)) return `it holds ${shown} twice`;
    seen.add(path);
    if (parts.some((_, i) => i > 0 && links.has(parts.slice(0, i).join("/")))) {
      return `it holds ${shown}, which goes through a symbolic link`;
    }
    if (member.type === "link" && !staysInside(path, member.target)) {
      return `the symbolic link ${shown} leads out of its folder, to ${JSON.stringify(member.target)}`;
    }
  }
  return null;
}

/** Refused everywhere: what is a path of Windows only would be restored there. */
function isPlain(part: string): boolean {
  return part !== "" && part !== "." && part !== ".." && !/[\\\0]/.test(part) && !/^[A-Za-z]:/.test(part);
}

/**
 * Whether a link stays below the folder that it is restored to. It may go up only at its start, through the folders
 * that it lies in: where `a` is a link itself, `a/..` is anywhere.
 */
function staysInside(path: string, target: string): boolean {
  if (target === "" || target.startsWith("/") || /[\\\0]/.test(target) || /^[A-Za-z]:/.test(target)) return false;
  const parts = target.split("/").filter((part) => part !== "" && part !== ".");
  const down = parts.findIndex((part) => part !== "..");
  const ups = down < 0 ? parts.length : down;
  return ups < path.split("/").length && !parts.slice(ups).includes("..");
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isHash = (value: unknown): value is string => typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
const isMode = (value: unknown): value is string => typeof value === "string" && /^0[0-7]{3}$/.test(value);

function problemOf(reference: Reference): string | null {
  const { name, kind, members, frame, mode } = reference;
  if (typeof name !== "string" || !["archive", "folder", "file"].includes(kind)) return "it has no name or no kind";
  if (!Array.isArray(members) || !members.every(isMember)) return "its list of members is incomplete";
  if (mode !== undefined && !(kind === "folder" && isMode(mode))) return "it has a mode that is none of a folder";
  if (kind === "file" && (members.length !== 1 || members[0].type !== "file")) return "it holds no file";
  if (kind === "archive") {
    const isFrame = isHash(frame?.object) && isHash(frame?.tar_sha256) && Array.isArray(frame?.lengths);
    if (!isFrame || !frame.lengths.every(isCount)) return "it does not say what stands between the members";
    if (frame.lengths.length !== members.length + 1) return "its members and what stands between them do not fit";
    if (members.some(({ type }) => type !== "file")) return "it holds something else than files";
  } else {
    if (frame !== null) return "only archives have something between their members";
    if (!members.every(isKeptAsItIs)) return "an object is said to hold something else than itself";
  }
  return problemOfPaths(members);
}

function isMember(member: Member): boolean {
  if (typeof member?.path !== "string") return false;
  if (member.type === "link") return typeof member.target === "string";
  if (!isMode(member.mode)) return false;
  if (member.type === "folder") return true;
  const { type, size, sha256, object, stored } = member;
  return type === "file" && isCount(size) && isHash(sha256) && isHash(object) && isCount(stored);
}

function isKeptAsItIs(member: Member): boolean {
  return member.type !== "file" || (member.object === member.sha256 && member.stored === member.size);
}

function sealOf(reference: Omit<Reference, "sha256">): string {
  return new Bun.CryptoHasher("sha256").update(JSON.stringify(reference)).digest("hex");
}

function isSealed({ sha256, ...rest }: Reference, file: string): boolean {
  try {
    return sealOf(rest) === sha256;
  } catch (cause) {
    // JSON is read however deep it goes, but not written.
    if (!(cause instanceof RangeError)) throw cause;
    throw damaged(file, "it is nested too deeply", cause);
  }
}

/** What numbers add up to. */
export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

export function damaged(file: string, problem: string, cause?: unknown): FoldError {
  const hint = "get a copy of it, or `fold store rm` it and add the archive again";
  return new FoldError("corrupt", `the reference ${file} is damaged: ${problem}`, hint, cause);
}
