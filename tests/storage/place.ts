// What a storage is tested with: a place that a backend makes, and the steps of a job in it.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { formatLineage, type Lineage, parseLineage } from "../../src/archive/lineage.ts";
import type { FoldOptions } from "../../src/archive/manifest.ts";
import { Archive } from "../../src/archive/reader.ts";
import { ArchiveWriter } from "../../src/archive/writer.ts";
import { corpusOfText } from "../../src/core/corpus.ts";
import type {
  Answer,
  ArchiveEntry,
  Attempt,
  JobEntry,
  JobFailure,
  JobWanted,
  Storage,
} from "../../src/storage/port.ts";
import { foldErrorOf } from "../support/folds.ts";

/** An attempt that was not heard of for so long is lost. */
export const GRACE_MS = 600_000;

/** An empty storage of some backend, for one test. */
export interface Place {
  /** Another handle on it, as another process would have. */
  open(): Storage;
  /** Its StorageConfig as JSON, for another process. */
  readonly address: string;
  /** Put a text in, as a user does. */
  putText(name: string, text: string): Promise<void>;
  /** Put the same text in under many names. */
  putCopies(names: readonly string[], text: string): Promise<void>;
  /** Whether a user can put a text of that name in at all. */
  canHold(name: string): boolean;
  /** How many texts are very many. */
  readonly many: number;
  /** Let time pass, for all handles of this process. */
  pass(time_ms: number): Answer<void>;
  /** What is in the storage that belongs to no job and no archive. */
  leftovers(): Promise<string[]>;
  /** Damage a published archive. */
  damage(name: string): Promise<void>;
  /** A folder outside of the storage. */
  readonly scratch: string;
  remove(): Promise<void>;
}

/**
 * What not every backend can promise; a case that takes it for granted says so.
 *
 * - `coordination`: workers that know nothing of each other share the jobs. Of all who claim, one has a job; who is not
 *   heard of for the grace period has lost it; an archive that is being merged is in no other merge.
 * - `own texts`: what was put in is the storage's, and stays when another text comes under the same name.
 */
export type Need = "coordination" | "own texts";

/** One case of the conformance suite. */
export interface Case {
  readonly name: string;
  readonly needs?: Need;
  run(place: Place): Promise<void>;
}

export const usualOptions: FoldOptions = { max_dims: 2, min_volume: 1, shard: null };

/** What a worker asks for: texts of the usual options, unless said otherwise. */
export function wanted(changes: Partial<JobWanted> = {}): JobWanted {
  return { worker: "worker-1", options: usualOptions, merges: false, ...changes };
}

/** Claim a job that must be there. */
export async function claim(storage: Storage, changes: Partial<JobWanted> = {}): Promise<Attempt> {
  const attempt = await storage.claimNextJob(wanted(changes));
  if (attempt === null) throw new Error(`no job is waiting in ${storage.place}`);
  return attempt;
}

/** The id of the one job of a name. */
export async function idOf(storage: Storage, name: string): Promise<string> {
  const found = (await storage.listJobs()).filter((job) => job.name === name);
  if (found.length !== 1) throw new Error(`${found.length} jobs are called ${name}`);
  return found[0].id;
}

/** Write an archive of a few sentences and no orthos: enough for a storage. */
export function writeTinyArchive(path: string, name: string, lineage: string, text: string, options = usualOptions) {
  const { corpus, counts } = corpusOfText(text);
  const writer = new ArchiveWriter(path, { name, lineage, sources: [{ name, ...counts }], options }, corpus);
  try {
    return writer.finish();
  } finally {
    writer.discard();
  }
}

/** Do the work of a job and hand its archive over. */
export async function handOver(storage: Storage, attempt: Attempt, options = usualOptions): Promise<void> {
  const file = join(attempt.folder, "result.tar.zst");
  if (attempt.kind === "text") {
    const text = new TextDecoder().decode(await storage.readText(attempt));
    const lineage = formatLineage({ kind: "text", name: attempt.name });
    await storage.writeArchive(attempt, writeTinyArchive(file, attempt.name, lineage, text, options));
  } else {
    const { lineage, text } = await join2(await storage.readArchives(attempt));
    const name = `merge-of-${attempt.archives.length}`;
    await storage.writeArchive(attempt, writeTinyArchive(file, name, lineage, text, options));
  }
}

/** Do the work of a job to its end. */
export async function finish(storage: Storage, attempt: Attempt, options = usualOptions): Promise<ArchiveEntry> {
  await handOver(storage, attempt, options);
  return await storage.completeJob(attempt);
}

/** Put a text in and fold it. */
export async function publish(place: Place, name: string, text: string, options = usualOptions): Promise<ArchiveEntry> {
  const storage = place.open();
  await place.putText(name, text);
  const attempt = await claim(storage, { id: await idOf(storage, name), options });
  return await finish(storage, attempt, options);
}

/** Finish all jobs that wait, merges too, one after the other. */
export async function finishAll(storage: Storage, merges = true): Promise<void> {
  for (;;) {
    const attempt = await storage.claimNextJob(wanted({ merges }));
    if (attempt === null) return;
    await finish(storage, attempt);
  }
}

async function join2(files: readonly string[]): Promise<{ lineage: string; text: string }> {
  const parts: Lineage[] = [];
  let text = "";
  for (const file of files) {
    const archive = await Archive.open(file);
    parts.push(parseLineage(archive.manifest.lineage));
    const { words, tokens, starts } = await archive.corpus();
    for (let i = 0; i + 1 < starts.length; i++) {
      text += `${[...tokens.subarray(starts[i], starts[i + 1])].map((id) => words[id]).join(" ")}.\n`;
    }
    archive.close();
  }
  return { lineage: formatLineage({ kind: "merge", parts }), text };
}

/** The names of all texts that a storage holds, each as often as it counts, sorted: in archives, and in jobs. */
export async function textsIn(storage: Storage): Promise<string[]> {
  const archived = (await storage.listArchives()).flatMap(({ lineage }) => leavesOf(parseLineage(lineage)));
  const jobs = (await storage.listJobs()).filter(({ kind }) => kind === "text").map(({ name }) => name);
  return [...archived, ...jobs].sort();
}

/** The names of the texts in a lineage. */
export function leavesOf(lineage: Lineage): string[] {
  if (lineage.kind === "text") return [lineage.name];
  if (lineage.kind === "shard") return leavesOf(lineage.of);
  return lineage.parts.flatMap(leavesOf);
}

/** All that can be seen of a storage, for comparing; ages of heartbeats aside. */
export async function snapshot(storage: Storage): Promise<unknown> {
  const jobs = (await storage.listJobs()).map((job): JobEntry => ({ ...job, heartbeat_age_ms: null }));
  const byName = <T extends { name: string }>(a: T, b: T) => (a.name < b.name ? -1 : 1);
  return { jobs: jobs.sort(byName), archives: [...(await storage.listArchives())].sort(byName) };
}

/** The code of the FoldError that something must fail with. */
export async function codeOf(work: () => unknown): Promise<string> {
  return (await foldErrorOf(work)).code;
}

export const failure: JobFailure = { code: "not_utf8", message: "it is no text", hint: "convert it", isFinal: false };

/** Remove what a test has written for itself. */
export function forget(...paths: readonly string[]): void {
  for (const path of paths) rmSync(path, { recursive: true, force: true });
}
