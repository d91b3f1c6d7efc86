import { copyFileSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { Archive } from "../archive/reader.ts";
import { FoldError, fromSystemError } from "../errors.ts";
import { findArchive } from "../jobs/find-archive.ts";
import { copyChunks, type MergePlan, MergePlanner } from "../jobs/merge-archives.ts";
import { describeArchive } from "../storage/describe-archive.ts";
import { newArchiveKey } from "../storage/spaces/keys.ts";
import type { ResultArchives } from "../storage/spaces/result-archives.ts";
import type { Survey, Surveyed } from "../storage/spaces/survey.ts";
import type { CollectFlags } from "./collect-definition.ts";
import type { CommandIo } from "./command.ts";
import { type FoldInput, foldInput } from "./fold.ts";

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

/** Merge what a survey keeps, and bring the archive to its place. */
export async function mergeKept(
  survey: Survey,
  archives: ResultArchives,
  folder: string,
  flags: CollectFlags,
  io: CommandIo,
): Promise<CollectedArchive> {
  const plan = await planOf(survey, archives, folder, io);
  const name = flags.upload ?? flags.name ?? plan.defaultName;
  const input: FoldInput = { ...plan, name };
  if (flags.out !== null && (await isThere(flags.out, input))) return await collected(flags.out, flags.out, false);
  const file = join(folder, "merged.tar.zst");
  await make(plan, input, archives, file, { folder, flags, io });
  return flags.out === null ? await bring(archives, file, io) : await moveTo(flags.out, file);
}

/** Look at one archive after the other; one that turns out to be damaged is set aside. */
async function planOf(
  survey: Survey,
  archives: ResultArchives,
  folder: string,
  { signal }: CommandIo,
): Promise<MergePlan<Surveyed>> {
  const planner = new MergePlanner<Surveyed>();
  const path = join(folder, "part.tar.zst");
  let count = 0;
  for (const one of survey.kept()) {
    if (signal.aborted) throw new FoldError("interrupted", "stopped before the end", "run the same command again");
    try {
      rmSync(path, { force: true });
      await archives.fetch(one, path, { signal });
      await opened(path, async (archive) => {
        if (await planner.hasAll(archive)) survey.leaveOut(one.key, "it is in a merged archive already");
        else await planner.add(archive, one);
      });
      count++;
    } catch (error) {
      if (!(error instanceof FoldError) || !["corrupt", "not_found"].includes(error.code)) throw error;
      // One that is equal to it may take its place, and comes later.
      survey.replaceDamaged(one.key, error.message);
    }
  }
  rmSync(path, { force: true });
  if (count > 0) return planner.plan();
  throw new FoldError("not_found", "there is no archive to merge", "`fold collect --dry-run` tells what there is");
}

/** Whether the result is in its place already; FoldError `usage` where something else is that is no archive. */
async function isThere(out: string, input: FoldInput): Promise<boolean> {
  if (statSync(out, { throwIfNoEntry: false }) === undefined) return false;
  const found = await findArchive(out, input, input.corpus);
  if (found === "damaged") {
    throw new FoldError("usage", `${out} is there already and is no whole archive`, "remove it, or give another --out");
  }
  if (typeof found === "string") return false;
  found.close();
  return true;
}

interface Making {
  readonly folder: string;
  readonly flags: CollectFlags;
  readonly io: CommandIo;
}

/** Make the merged archive: chunks side by side where they are all there, else folded anew. */
async function make(
  plan: MergePlan<Surveyed>,
  input: FoldInput,
  archives: ResultArchives,
  file: string,
  { folder, flags, io }: Making,
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
      rmSync(path, { force: true });
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
  const half = `${out}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  try {
    mkdirSync(dirname(out), { recursive: true });
    // It may be another file system.
    copyFileSync(file, half);
    renameSync(half, out);
  } catch (error) {
    rmSync(half, { force: true });
    throw fromSystemError(error, "write the archive", out);
  }
  return await collected(out, out, true);
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
