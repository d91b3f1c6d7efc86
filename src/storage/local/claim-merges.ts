import { existsSync } from "node:fs";
import { isMergeable } from "../mergeable.ts";
import type { ArchiveEntry, Attempt, JobWanted } from "../port.ts";
import type { ArchiveShelf } from "./archive-shelf.ts";
import type { Clock } from "./clock.ts";
import { makeSubfolder, remove } from "./files.ts";
import { inputBase } from "./kept.ts";
import type { Layout } from "./layout.ts";
import { attemptOf } from "./ownership.ts";
import { putBack } from "./shelving.ts";
import { folderPath, type JobRecord, newToken, writeFirstRecord } from "./work-folder.ts";

/**
 * A failed try means that another worker has taken one of the two, or that another archive has come in its place:
 * somebody always gets on. More tries than this are a mistake.
 */
const MOST_TRIES = 10_000;

/** Pairs of archives that stay apart, by pairKey. */
export type RefusedPairs = ReadonlySet<string>;

/** The same for both orders of a pair. */
export function pairKey(names: readonly string[]): string {
  return JSON.stringify([...names].sort());
}

/**
 * Claims two archives for a merge, the smallest first: each is renamed out of archives/ into the job's folder.
 *
 * Whoever gets the first and not the second puts it back. So no archive is in two merges, and a crash in between
 * leaves a folder from which recovery puts back what is there.
 *
 * @param refused pairs that have failed for good
 */
export async function claimMerge(
  layout: Layout,
  shelf: ArchiveShelf,
  clock: Clock,
  wanted: JobWanted,
  refused: RefusedPairs,
): Promise<Attempt | null> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const pair = smallestPair(await shelf.list(true), wanted, refused);
    if (pair === null) return null;
    if (!(await isAsListed(shelf, pair))) continue;
    const attempt = await claimPair(layout, shelf, clock, wanted, pair);
    if (attempt !== null) return attempt;
  }
  return null;
}

/** A listing knows names by what stood there first. What is claimed must be what memory was planned for. */
async function isAsListed(shelf: ArchiveShelf, pair: readonly ArchiveEntry[]): Promise<boolean> {
  const now = await Promise.all(pair.map(({ name }) => shelf.entry(name)));
  return pair.every((archive, number) => archive === now[number]);
}

function smallestPair(
  archives: readonly ArchiveEntry[],
  wanted: JobWanted,
  refused: RefusedPairs,
): readonly [ArchiveEntry, ArchiveEntry] | null {
  const able = archives
    .filter((archive) => isMergeable(archive.options, wanted.options))
    .sort((a, b) => a.size_bytes - b.size_bytes || (a.name < b.name ? -1 : 1));
  for (let second = 1; second < able.length; second++) {
    for (let first = 0; first < second; first++) {
      const pair = [able[first], able[second]] as const;
      if (sentencesOf(pair) > (wanted.most_bytes?.merge ?? Infinity)) continue;
      if (!refused.has(pairKey(pair.map(({ name }) => name)))) return pair;
    }
  }
  return null;
}

function sentencesOf([first, second]: readonly [ArchiveEntry, ArchiveEntry]): number {
  return first.sentences_bytes + second.sentences_bytes;
}

async function claimPair(
  layout: Layout,
  shelf: ArchiveShelf,
  clock: Clock,
  wanted: JobWanted,
  pair: readonly [ArchiveEntry, ArchiveEntry],
): Promise<Attempt | null> {
  const archives = pair.map(({ name }) => name);
  const id = `merge-${crypto.randomUUID().slice(0, 12).replaceAll("-", "")}`;
  const folder = folderPath(layout.inProcess, id, newToken(clock.wall_ms()), "work");
  const record: JobRecord = {
    id,
    kind: "merge",
    name: archives.join(" + "),
    input: null,
    archives,
    size_bytes: sentencesOf(pair),
    failures: 0,
    number: 1,
    worker: wanted.worker,
  };
  makeSubfolder(folder);
  try {
    writeFirstRecord(folder, record);
    const isComplete = archives.every((name, number) => shelf.take(name, inputBase(folder, number)));
    if (isComplete) return attemptOf(folder, record, wanted);
  } catch (error) {
    // Suspended for so long that recovery has put all back and tidied the folder away.
    if (!existsSync(folder)) return null;
    await giveUp(shelf, folder, archives);
    throw error;
  }
  await giveUp(shelf, folder, archives);
  return null;
}

async function giveUp(shelf: ArchiveShelf, folder: string, archives: readonly string[]): Promise<void> {
  await putBack(shelf, folder, archives);
  remove(folder);
}
