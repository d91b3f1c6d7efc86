import type { Database } from "bun:sqlite";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { JobFailure } from "../port.ts";
import { ensurePrivate } from "../private-folder.ts";
import { ProcessLock } from "../process-lock.ts";
import { fromDatabaseError } from "./sqlite-error.ts";

/**
 * What the workers of one machine know of each other: which attempts are under way here, and what earlier ones have
 * left to go on from. Other machines know nothing of it, and nothing is lost for good when it is wiped.
 *
 *     state.db             jobs, and the attempts that have a folder; every change is one transaction
 *     <job>/<number>       the folder of an attempt; its successor renames it, so no two attempts share a path
 *     <job>/<number>.free  that of one which was given back
 *     <job>/<number>.lock  held by the process whose attempt it is: one that is killed lets go of it
 *
 * An attempt that was given back has no worker; one whose process is gone is as good as given back.
 */
const SCHEMA = `
  create table if not exists jobs(
    id text primary key, number integer not null default 0, failures integer not null default 0,
    version text, done text, failure text
  ) strict;
  create table if not exists attempts(
    job text not null, number integer not null, worker text, version text not null,
    text_sha256 text, archive_key text, primary key(job, number)
  ) strict;
`;

/** What this machine knows of a job. */
export interface JobState {
  readonly number: number;
  readonly failures: number;
  /** Of the text that the failures are about. */
  readonly version: string | null;
  /** Of the text that was folded last. */
  readonly done: string | null;
  readonly failure: Omit<JobFailure, "isFinal"> | null;
}

/** An attempt that has a folder on this machine. */
export interface AttemptState {
  readonly job: string;
  readonly number: number;
  readonly worker: string | null;
  /** Of the text that it folds. */
  readonly version: string;
  /** Of the text in its folder, which is whole; null while there is none. */
  readonly text_sha256: string | null;
  /** Where its archive goes, so that one who does it again overwrites its own. */
  readonly archive_key: string | null;
}

const unknown: JobState = { number: 0, failures: 0, version: null, done: null, failure: null };
const FREE = ".free";
const BUSY_MS = 30_000;

/** Ends when the transactions that this thread has begun do. */
let lastTurn: Promise<void> = Promise.resolve();

/** One transaction on the state of this machine. */
export class MachineState {
  private constructor(
    private readonly folder: string,
    private readonly database: Database,
    private readonly locks: Map<string, ProcessLock>,
  ) {}

  /**
   * Do something in one transaction, while no other process of this machine does.
   *
   * @param locks those that this process holds, by their paths
   */
  static change<T>(
    folder: string,
    locks: Map<string, ProcessLock>,
    act: (state: MachineState) => T | Promise<T>,
  ): Promise<T> {
    // Waiting for the database stops the thread, and whoever has it may be waiting on the same thread.
    const turn = lastTurn.then(() => MachineState.transact(folder, locks, act));
    lastTurn = turn.then(
      () => {},
      () => {},
    );
    return turn;
  }

  private static async transact<T>(
    folder: string,
    locks: Map<string, ProcessLock>,
    act: (state: MachineState) => T | Promise<T>,
  ): Promise<T> {
    const database = await open(folder);
    try {
      database.run("begin immediate");
      const result = await act(new MachineState(folder, database, locks));
      database.run("commit");
      return result;
    } catch (error) {
      throw fromDatabaseError(error, folder);
    } finally {
      // What was not committed is undone.
      database.close();
    }
  }

  job(id: string): JobState {
    const row = this.database.query("select * from jobs where id = ?").get(id) as JobRow | null;
    return row === null ? unknown : { ...row, failure: row.failure === null ? null : JSON.parse(row.failure) };
  }

  setJob(id: string, changes: Partial<JobState>): void {
    const { number, failures, version, done, failure } = { ...this.job(id), ...changes };
    const why = failure === null ? null : JSON.stringify(failure);
    this.database
      .query("insert or replace into jobs(id, number, failures, version, done, failure) values (?, ?, ?, ?, ?, ?)")
      .run(id, number, failures, version, done, why);
  }

  /** The attempts at a job that have a folder here, oldest first. */
  attempts(job: string): AttemptState[] {
    return this.database.query("select * from attempts where job = ? order by number").all(job) as AttemptState[];
  }

  setAttempt(attempt: AttemptState): void {
    const { job, number, worker, version, text_sha256, archive_key } = attempt;
    this.database
      .query("insert or replace into attempts values (?, ?, ?, ?, ?, ?)")
      .run(job, number, worker, version, text_sha256, archive_key);
  }

  /** Whether the process of an attempt is alive. */
  async isAlive({ job, number, worker }: AttemptState): Promise<boolean> {
    if (worker === null) return false;
    return await ProcessLock.isHeld(lockPath(this.folder, job, number));
  }

  /** Whether this very handle is at the job: it does not get it a second time. */
  isOurs(job: string): boolean {
    const numbers = this.attempts(job).map(({ number }) => lockPath(this.folder, job, number));
    for (const [path, lock] of this.locks) {
      if (!path.startsWith(`${join(this.folder, job)}/`) || numbers.includes(path)) continue;
      // Another handle has ended that attempt.
      lock.release();
      this.locks.delete(path);
    }
    return numbers.some((path) => this.locks.has(path));
  }

  /** Make a new attempt of an older one that nobody is at, or from nothing; its folder is there and its lock is held. */
  async begin(job: string, worker: string, version: string, older: AttemptState | null): Promise<AttemptState> {
    const number = this.job(job).number + 1;
    this.setJob(job, { number });
    const lock = lockPath(this.folder, job, number);
    mkdirSync(join(this.folder, job), { recursive: true, mode: 0o700 });
    const held = await ProcessLock.take(lock);
    if (held === null) throw new Error(`${lock} is somebody else's`);
    this.locks.set(lock, held);
    const path = attemptPath(this.folder, job, number);
    const hasWork = older !== null && this.take(older, path);
    if (!hasWork) {
      // What a process that was killed here before it was done has left.
      rmSync(path, { recursive: true, force: true });
      mkdirSync(path);
    }
    if (older !== null) this.forget(older);
    const text_sha256 = hasWork ? older.text_sha256 : null;
    const attempt = { job, number, worker, version, text_sha256, archive_key: older?.archive_key ?? null };
    this.setAttempt(attempt);
    return attempt;
  }

  /** Remove an attempt and all that it has. */
  forget(attempt: AttemptState): void {
    const { job, number } = attempt;
    this.database.query("delete from attempts where job = ? and number = ?").run(job, number);
    for (const path of this.pathsOf(attempt)) rmSync(path, { recursive: true, force: true });
    this.unlock(attempt);
  }

  /** Leave an attempt to whoever goes on from it; the paths of the worker that had it lead nowhere. */
  free(attempt: AttemptState): void {
    const freed = { ...attempt, worker: null };
    isMoved(this.pathsOf(attempt)[0], this.pathsOf(freed)[0]);
    this.setAttempt(freed);
    this.unlock(attempt);
  }

  /** Where the folder of an attempt is, and where a process has moved it that was killed before its commit. */
  private pathsOf({ job, number, worker }: AttemptState): readonly [string, string] {
    const path = attemptPath(this.folder, job, number);
    const freePath = `${path}${FREE}`;
    return worker === null ? [freePath, path] : [path, freePath];
  }

  /** Take over the folder of an attempt that nobody is at; false where it was wiped. */
  private take(older: AttemptState, path: string): boolean {
    const [usual, moved] = this.pathsOf(older);
    // Or whoever was killed before its commit has moved it here.
    return isMoved(usual, path) || isMoved(moved, path) || existsSync(path);
  }

  /** Let go of the lock of an attempt that is over. */
  private unlock({ job, number }: AttemptState): void {
    const path = lockPath(this.folder, job, number);
    this.locks.get(path)?.release();
    this.locks.delete(path);
    rmSync(path, { force: true });
  }

  /** Remove the folders of a job that no attempt has. */
  tidy(job: string): void {
    const attempts = this.attempts(job);
    const known = new Set<string>();
    for (const attempt of attempts) {
      const [usual, moved] = this.pathsOf(attempt);
      known.add(existsSync(usual) ? usual : moved);
      if (attempt.worker !== null) known.add(lockPath(this.folder, job, attempt.number));
    }
    // See `take`.
    if (attempts.length > 0) known.add(attemptPath(this.folder, job, this.job(job).number + 1));
    for (const name of namesIn(join(this.folder, job))) {
      const path = join(this.folder, job, name);
      if (!known.has(path)) rmSync(path, { recursive: true, force: true });
    }
    if (attempts.length === 0) rmSync(join(this.folder, job), { recursive: true, force: true });
  }
}

interface JobRow extends Omit<JobState, "failure"> {
  readonly failure: string | null;
}

/** The folder of an attempt. */
export function attemptPath(folder: string, job: string, number: number): string {
  return join(folder, job, String(number));
}

function lockPath(folder: string, job: string, number: number): string {
  return `${attemptPath(folder, job, number)}.lock`;
}

async function open(folder: string): Promise<Database> {
  const { Database } = await import("bun:sqlite");
  ensurePrivate(folder);
  try {
    const database = new Database(join(folder, "state.db"));
    database.run(`pragma busy_timeout = ${BUSY_MS}`);
    database.run(SCHEMA);
    return database;
  } catch (error) {
    throw fromDatabaseError(error, folder);
  }
}

function isMoved(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch {
    // It was wiped: there is nothing to go on from.
    return false;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
