import { basename, join } from "node:path";
import type { JobKind, JobProgress } from "../port.ts";
import { namesIn, readIfThere, readLink, writeBeforeMove, writeLink, writeQuickly, writeWhole } from "./files.ts";
import { inputOfId } from "./layout.ts";

/**
 * The folder of a job in `in_process/`. Its name says whose it is, so a rename is a change of owner:
 *
 *     <id>.<time>-<random>.work   an attempt is at work; the token tells it from all others
 *     <id>.free-<random>.work     given back: whoever renames it first has the next attempt
 *     <id>.<time>-<random>.done   the archive is whole; only publishing and tidying up are left
 *
 * The old owner's paths lead nowhere after a rename, so a worker that was suspended and wakes up can write nothing
 * that counts. Should it make its folder anew, that has no record and so is no job's. The time in the token is when
 * the claim was made: until the first heartbeat it is the sign of life.
 */
export interface WorkFolder {
  readonly id: string;
  readonly token: string;
  readonly state: "work" | "free" | "done";
  readonly path: string;
}

/** What is known of a job, in `job.json` of its folder. */
export interface JobRecord {
  readonly id: string;
  readonly kind: JobKind;
  readonly name: string;
  /** Of a text: its path below input/; it goes back there. */
  readonly input: string | null;
  /** Of a merge: the names of its archives, in the order of `input-0.tar.zst`, `input-1.tar.zst`. */
  readonly archives: readonly string[];
  readonly size_bytes: number;
  /** Attempts that failed or were lost. */
  readonly failures: number;
  /** Of the last attempt; 0 for a text that was retried and not claimed since. */
  readonly number: number;
  /** Who is at it; null once the attempt is counted among the failures, so that it is counted once. */
  readonly worker: string | null;
}

/** What a heartbeat tells. */
export interface Heartbeat extends JobProgress {
  readonly worker: string;
  readonly at_ms: number;
}

const NAME = /^([a-z0-9-]+)\.(free-[a-z0-9]+|[a-z0-9]+-[a-z0-9]+)\.(work|done)$/;
const FREE = "free-";
export const RECORD = "job.json";
const HEARTBEAT = "heartbeat.json";
/** In the folder of a text: a link that leads nowhere and says where the text came from, unless the id does. */
export const ORIGIN = "origin";

/** All folders of jobs. */
export function workFolders(inProcess: string): WorkFolder[] {
  return namesIn(inProcess)
    .sort()
    .flatMap((name) => {
      const match = NAME.exec(name);
      if (match === null) return [];
      const [, id, token, ending] = match;
      const state = token.startsWith(FREE) ? "free" : (ending as "work" | "done");
      return [{ id, token, state, path: join(inProcess, name) }];
    });
}

export function folderPath(inProcess: string, id: string, token: string, ending: "work" | "done"): string {
  return join(inProcess, `${id}.${token}.${ending}`);
}

/** A token that no other claim has, made at the moment of the claim. */
export function newToken(now_ms: number): string {
  return `${Math.round(now_ms).toString(36)}-${randomPart()}`;
}

/** The token of a job that waits. Unlike any other: two texts of one name may both wait, one after the other came. */
export function freeToken(): string {
  return `${FREE}${randomPart()}`;
}

function randomPart(): string {
  return crypto.randomUUID().slice(0, 8);
}

/**
 * The record of a job; null where a crash came before it was written, or where the folder is no job's. After a power cut
 * it may be that of the job that the folder was used for before.
 */
export function readRecord(path: string): JobRecord | null {
  const record = parse<JobRecord>(readIfThere(join(path, RECORD)));
  return record !== null && record.id === idOfFolder(path) ? record : null;
}

function idOfFolder(path: string): string {
  return basename(path).split(".", 1)[0];
}

export function writeRecord(path: string, record: JobRecord): void {
  writeWhole(join(path, RECORD), JSON.stringify(record));
}

/**
 * The record of a job that is just being claimed: what is claimed is moved in next.
 *
 * The record of a text need not survive a power cut, as long as it is known where the text came from.
 */
export function writeFirstRecord(path: string, record: JobRecord): void {
  const write = noteOrigin(path, record) ? writeQuickly : writeBeforeMove;
  write(join(path, RECORD), JSON.stringify(record));
}

/** Note where a text came from, such that a power cut leaves it; false where that cannot be, or it is no text. */
export function noteOrigin(path: string, { id, input }: JobRecord): boolean {
  return input !== null && (inputOfId(id) === input || writeLink(join(path, ORIGIN), input));
}

/** Where the text of a job came from, as a path below input/; null where that is not known. */
export function readOrigin(path: string): string | null {
  return readLink(join(path, ORIGIN)) ?? inputOfId(idOfFolder(path));
}

/** Where the record is: a folder without one is no job's. */
export function recordPath(path: string): string {
  return join(path, RECORD);
}

export function readHeartbeat(path: string): Heartbeat | null {
  return parse<Heartbeat>(readIfThere(heartbeatPath(path)));
}

export function writeHeartbeat(path: string, beat: Heartbeat): void {
  writeQuickly(heartbeatPath(path), JSON.stringify(beat));
}

export function heartbeatPath(path: string): string {
  return join(path, HEARTBEAT);
}

/** What a small JSON file says; null where there is none, or half of one. */
export function parse<T>(text: string | null): T | null {
  if (text === null) return null;
  try {
    const value = JSON.parse(text) as T;
    return typeof value === "object" ? value : null;
  } catch {
    // Half a file after a power cut is as good as none.
    return null;
  }
}
