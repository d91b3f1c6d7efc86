import type { FoldOptions } from "../../archive/manifest.ts";
import type { ArchiveEntry, Attempt, JobWanted } from "../port.ts";
import type { ArchiveShelf } from "./archive-shelf.ts";
import { makeFolder, remove } from "./files.ts";
import type { Layout } from "./layout.ts";
import { attemptOf, inputPath } from "./ownership.ts";
import { folderPath, type JobRecord, newToken, writeRecord } from "./work-folder.ts";

/** Tries before a worker lets the others go first. */
const TRIES = 8;

/**
 * Claims two archives for a merge, the smallest first: each is renamed out of archives/ into the job's folder.
 *
 * Whoever gets the first and not the second puts it back. So no archive is in two merges, and a crash in between
 * leaves a folder from which recovery puts back what is there.
 *
 * @param isRefused tells pairs that have failed for good
 */
export async function claimMerge(
  layout: Layout,
  shelf: ArchiveShelf,
  wanted: JobWanted,
  isRefused: (pair: readonly string[]) => boolean,
): Promise<Attempt | null> {
  for (let tries = 0; tries < TRIES; tries++) {
    const pair = smallestPair(await shelf.list(), wanted, isRefused);
    if (pair === null) return null;
    const attempt = claimPair(layout, shelf, wanted, pair);
    if (attempt !== null) return attempt;
  }
  return null;
}

function smallestPair(
  archives: readonly ArchiveEntry[],
  wanted: JobWanted,
  isRefused: (pair: readonly string[]) => boolean,
): readonly [ArchiveEntry, ArchiveEntry] | null {
  const able = archives
    .filter((archive) => isSame(archive.options, wanted.options))
    .sort((a, b) => a.size_bytes - b.size_bytes || (a.name < b.name ? -1 : 1));
  for (let second = 1; second < able.length; second++) {
    for (let first = 0; first < second; first++) {
      const pair = [able[first], able[second]] as const;
      if (sentencesOf(pair) > (wanted.most_bytes?.merge ?? Infinity)) continue;
      if (!isRefused(pair.map(({ name }) => name))) return pair;
    }
  }
  return null;
}

function sentencesOf([first, second]: readonly [ArchiveEntry, ArchiveEntry]): number {
  return first.sentences_bytes + second.sentences_bytes;
}

function isSame(a: FoldOptions, b: FoldOptions): boolean {
  return a.max_dims === b.max_dims && a.min_volume === b.min_volume && a.shard === null && b.shard === null;
}

function claimPair(
  layout: Layout,
  shelf: ArchiveShelf,
  { worker }: JobWanted,
  pair: readonly [ArchiveEntry, ArchiveEntry],
): Attempt | null {
  const archives = pair.map(({ name }) => name);
  const id = `merge-${crypto.randomUUID().slice(0, 12).replaceAll("-", "")}`;
  const folder = folderPath(layout.inProcess, id, newToken(), "work");
  const size_bytes = sentencesOf(pair);
  const name = archives.join(" + ");
  const record: JobRecord = {
    id,
    kind: "merge",
    name,
    input: null,
    archives,
    size_bytes,
    failures: 0,
    number: 1,
    worker,
  };
  makeFolder(folder);
  writeRecord(folder, record);
  const [first, second] = archives;
  if (!shelf.take(first, inputPath(folder, 0))) {
    remove(folder);
    return null;
  }
  if (shelf.take(second, inputPath(folder, 1))) return attemptOf(folder, record);
  shelf.publish(inputPath(folder, 0), first);
  remove(folder);
  return null;
}
