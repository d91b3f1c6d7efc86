import {
  accessSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { Archive } from "../archive/reader.ts";
import { syncFolder } from "../disk.ts";
import { FoldError, fromSystemError } from "../errors.ts";
import { findArchive } from "../jobs/find-archive.ts";
import { copyChunks, type MergePlan, MergePlanner } from "../jobs/merge-archives.ts";
import { describeArchive } from "../storage/describe-archive.ts";
import { pathOfName } from "../storage/names.ts";
import type { Choice } from "../storage/spaces/judgement.ts";
import { newArchiveKey } from "../storage/spaces/keys.ts";
import { isUnusable, type ResultArchives, reasonOf } from "../storage/spaces/result-archives.ts";
import type { Survey, Surveyed } from "../storage/spaces/survey.ts";
import { statOf } from "../store/files.ts";
import type { CollectFlags } from "./collect-definition.ts";
import type { CommandIo } from "./command.ts";
import { type FoldInput, foldInput } from "./fold.ts";
import { withFolderBeside } from "./folder-beside.ts";

/** What came of a collection. */
export interface CollectedArchive {
  /** A file, or a key. */
  readonly place: string;
  readonly name: string;
  readonly lineage: string;
  readonly orthos: number;
  readonly size_bytes: number;
  readonly tar_sha256: string;
  /** false when the same archive was there before. */
  readonly isNew: boolean;
}

/** Where the archive is made, in the folder of the collection; its finished parts are beside it. */
export const MERGED = "merged.tar.zst";

/**
 * Whether a file can be written to its place: better now than when all is fetched and merged.
 *
 * @throws FoldError of what is in the way
 */
export async function checkPlace(out: string): Promise<void> {
  const there = statOf(out);
  if (out.endsWith("/") || there?.isFile() === false) {
    throw new FoldError("usage", `${out} is no place for a file`, "give the path of a file");
  }
  if (there !== null) await checkArchive(out);
  const folder = dirname(out);
  try {
    if (!existsSync(folder)) mkdirSync(folder, { recursive: true });
    accessSync(`${folder}/.`, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw fromSystemError(error, "write the archive to", folder);
  }
}

/** @throws FoldError `usage` where a file is that was none of an archive, and would be lost */
async function checkArchive(out: string): Promise<void> {
  try {
    (await Archive.open(out)).close();
  } catch (error) {
    if (error instanceof FoldError && error.code === "corrupt") throw inTheWay(out);
    throw error;
  }
}

function inTheWay(out: string): FoldError {
  const hint = "remove it, or give another --out";
  return new FoldError("usage", `${out} is there already and is no whole archive`, hint);
}

/** What is merged, and where. */
export interface Merging {
  readonly survey: Survey;
  readonly choice: Choice;
  readonly archives: ResultArchives;
  /** Of the collection. */
  readonly folder: string;
  readonly flags: CollectFlags;
  readonly io: CommandIo;
}

/** Merge what a survey keeps, and bring the archive to its place. */
export async function mergeKept(merging: Merging): Promise<CollectedArchive> {
  const { archives, folder, flags, io } = merging;
  const plan = await planOf(merging);
  // Keys may hold what names of archives may not.
  const name = flags.upload ?? flags.name ?? pathOfName(plan.defaultName);
  const input: FoldInput = { ...plan, name };
  if (flags.out !== null && (await isThere(flags.out, input))) return await collected(flags.out, flags.out, false);
  const file = join(folder, MERGED);
  await make(plan, input, file, merging);
  return flags.out === null ? await bring(archives, file, io) : await moveTo(flags.out, file);
}

/** Plan the merge; where archives turn out to be damaged, it is decided anew what becomes of the others. */
async function planOf(merging: Merging): Promise<MergePlan<Surveyed>> {
  for (;;) {
    const planner = new MergePlanner<Surveyed>();
    const { count, damaged } = await lookAtAll(planner, merging);
    if (damaged > 0) merging.survey.judge(merging.choice);
    else if (count > 0) return planner.plan();
    else
      throw new FoldError("not_found", "there is no archive to merge", "`fold collect --dry-run` tells what there is");
  }
}

/** Look at one archive after the other; one that turns out to be damaged is set aside. */
async function lookAtAll(planner: MergePlanner<Surveyed>, { survey, archives, folder, io: { signal } }: Merging) {
  const path = join(folder, "part.tar.zst");
  let [count, damaged] = [0, 0];
  for (const one of survey.kept()) {
    if (signal.aborted) throw new FoldError("interrupted", "stopped before the end", "run the same command again");
    try {
      await archives.fetch(one, path, { signal });
      await opened(path, async (archive) => {
        if (await planner.hasAll(archive)) survey.leaveOut(one.key, "it is in a merged archive already");
        else await planner.add(archive, one);
      });
      count++;
    } catch (error) {
      if (!isUnusable(error)) throw error;
      survey.replaceDamaged(one.key, reasonOf(one, error));
      damaged++;
    } finally {
      rmSync(path, { force: true });
    }
  }
  return { count, damaged };
}

/** Whether the result is in its place already; FoldError `usage` where something else is that is no archive. */
async function isThere(out: string, input: FoldInput): Promise<boolean> {
  if (statOf(out) === null) return false;
  const found = await findArchive(out, input, input.corpus);
  if (found === "damaged") throw inTheWay(out);
  if (typeof found === "string") return false;
  found.close();
  return true;
}

/** Make the merged archive: chunks side by side where they are all there, else folded anew. */
async function make(
  plan: MergePlan<Surveyed>,
  input: FoldInput,
  file: string,
  { archives, folder, flags, io }: Merging,
): Promise<void> {
  const found = await findArchive(file, input, input.corpus);
  if (typeof found !== "string") return found.close();
  if (plan.copyFrom === null) {
    const { threads, quiet, json } = flags;
    await foldInput(input, { threads, quiet, json, folder, path: file, fresh: false }, io);
    return;
  }
  const parts: Archive[] = [];
  try {
    for (const [number, one] of plan.copyFrom.entries()) {
      const path = join(folder, `chunks-${number}.tar.zst`);
      await archives.fetch(one, path, { signal: io.signal });
      parts.push(await Archive.open(path));
    }
    await copyChunks({ ...plan, copyFrom: parts }, parts, input.name, file, { signal: io.signal });
  } finally {
    for (const archive of parts) {
      archive.close();
      rmSync(archive.path, { force: true });
    }
  }
}

/** Put the archive into the bucket, unless it is there. */
async function bring(archives: ResultArchives, file: string, io: CommandIo): Promise<CollectedArchive> {
  const { name, tar_sha256 } = await describeArchive(file);
  const known = (await archives.named(name)).find(({ facts }) => facts.tar_sha256 === tar_sha256);
  if (known !== undefined) return await collected(file, known.key, false);
  const key = newArchiveKey(name, new Date());
  const ofNoText = { input: "", input_sha256: "" };
  await archives.put(key, file, { name, tar_sha256 }, ofNoText, { signal: io.signal });
  return await collected(file, key, true);
}

async function moveTo(out: string, file: string): Promise<CollectedArchive> {
  await withFolderBeside(out, (half) => {
    try {
      // It may be another file system.
      copyFileSync(file, half);
      syncFile(half);
      renameSync(half, out);
      syncFolder(dirname(out));
    } catch (error) {
      throw fromSystemError(error, "write the archive", out);
    }
  });
  return await collected(out, out, true);
}

/** What it was made from goes away next. */
function syncFile(path: string): void {
  const file = openSync(path, "r+");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

async function collected(file: string, place: string, isNew: boolean): Promise<CollectedArchive> {
  return await opened(file, async (archive) => {
    const { name, lineage, orthos } = archive.manifest;
    const tar_sha256 = await archive.tarSha256();
    return { place, name, lineage, orthos, size_bytes: archive.sizeBytes, tar_sha256, isNew };
  });
}

async function opened<T>(file: string, act: (archive: Archive) => Promise<T>): Promise<T> {
  const archive = await Archive.open(file);
  try {
    return await act(archive);
  } finally {
    archive.close();
  }
}
