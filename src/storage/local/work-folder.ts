import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fromSystemError } from "../../errors.ts";
import type { JobKind, JobProgress } from "../port.ts";
import { isMissing, readIfThere, writeWhole, writtenAt } from "./files.ts";

/**
 * The folder of a job in `in_process/`. Its name says whose it is, so a rename is a change of owner:
 *
 *     <id>.<time>-<random>.work   an attempt is at work; the token tells it from all others
 *     <id>.free.work              given back: whoever renames it first has the next attempt
 *     <id>.<time>-<random>.done   the archive is whole; only publishing and tidying up are left
 *
 * The old owner's paths lead nowhere after a rename, so a worker that was suspended and wakes up can write nothing
 * that counts. The time in the token is when the claim was made: until the first heartbeat it is the sign of life.
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
  /** Of a merge: the names of its archives, in the order of `inputs/0`, `inputs/1`. */
  readonly archives: readonly string[];
  readonly size_bytes: number;
  /** Attempts that failed or were lost. */
  readonly failures: number;
  readonly number: number;
  readonly worker: string;
}

/** What a heartbeat tells. */
export interface Heartbeat extends JobProgress {
  readonly worker: string;
}

const NAME = /^([a-z0-9-]+)\.(free|[a-z0-9]+-[a-z0-9]+)\.(work|done)$/;

/** All folders of jobs. */
export function workFolders(inProcess: string): WorkFolder[] {
  let names: string[];
  try {
    names = readdirSync(inProcess).sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw fromSystemError(error, "list the folder", inProcess);
  }
  return names.flatMap((name) => {
    const match = NAME.exec(name);
    if (match === null) return [];
    const [, id, token, ending] = match;
    const state = token === "free" ? "free" : (ending as "work" | "done");
    return [{ id, token, state, path: join(inProcess, name) }];
  });
}

export function folderPath(inProcess: string, id: string, token: string, ending: "work" | "done"): string {
  return join(inProcess, `${id}.${token}.${ending}`);
}

/** A token that no other claim has, made at the moment of the claim. */
export function newToken(): string {
  return `${Date.now().toString(36)}-${crypto.randomUUID().slice(0, 8)}`;
}

/** How long nothing was heard of an attempt, in ms. */
export function silence_ms({ token, path }: WorkFolder): number {
  const claimed = token === "free" ? 0 : Number.parseInt(token, 36);
  const beat = writtenAt(join(path, "heartbeat.json")) ?? 0;
  return Math.max(0, Date.now() - Math.max(claimed, beat));
}

/** The record of a job; null where a crash came before it was written. */
export function readRecord(path: string): JobRecord | null {
  return parse<JobRecord>(readIfThere(join(path, "job.json")));
}

export function writeRecord(path: string, record: JobRecord): void {
  writeWhole(join(path, "job.json"), JSON.stringify(record));
}

export function readHeartbeat(path: string): Heartbeat | null {
  return parse<Heartbeat>(readIfThere(join(path, "heartbeat.json")));
}

function parse<T>(text: string | null): T | null {
  if (text === null) return null;
  try {
    return JSON.parse(text) as T;
  } catch {
    // Half a file after a power cut is as good as none.
    return null;
  }
}
