import { join } from "node:path";
import { formatLineage, type Lineage, parseLineage } from "../archive/lineage.ts";
import { sha256 } from "../archive/manifest.ts";
import { Archive } from "../archive/reader.ts";
import type { ArchiveIdentity, Durability, WrittenArchive } from "../archive/writer.ts";
import { type Corpus, corpusOfText } from "../core/corpus.ts";
import { decodeText } from "../core/text.ts";
import { FoldError } from "../errors.ts";
import type { Attempt, Storage } from "../storage/port.ts";
import { findArchive } from "./find-archive.ts";
import { type FoldProgress, foldCorpus, foldKey } from "./fold-corpus.ts";
import { copyChunks, type MergePlan, planMerge } from "./merge-archives.ts";
import { PartsElsewhere } from "./parts-elsewhere.ts";
import { workFolder } from "./spill.ts";
import type { WalkThreads } from "./walk-threads.ts";

const HASH_DIGITS = 12;
/** The storage sees to it that what is handed over lasts. */
const HANDED_OVER: Durability = "none";

/** With what an attempt is run. */
export interface RunSettings {
  readonly storage: Storage;
  /** Where folders do not last: finished parts of a job are put aside once it has run for so long. */
  readonly partsAfter_ms: number;
  readonly threads: number;
  readonly keptThreads: WalkThreads;
  readonly signal: AbortSignal;
  readonly onPlan: (plan: { tasks: number; resumed: number }) => void;
  readonly onProgress: (progress: () => FoldProgress) => void;
}

/**
 * Do the work of an attempt: from a claim to a finished archive in the attempt's folder. What an attempt before it
 * has left there is gone on from.
 *
 * @throws FoldError `not_utf8`, `empty` or `too_long` for a text that will never fold, `interrupted`, errors of disk and storage
 */
export function runAttempt(attempt: Attempt, settings: RunSettings): Promise<WrittenArchive> {
  return attempt.kind === "text" ? foldText(attempt, settings) : mergeArchives(attempt, settings);
}

async function foldText(attempt: Attempt, settings: RunSettings): Promise<WrittenArchive> {
  const { name } = attempt;
  const { corpus, counts } = corpusOfText(decodeText(await settings.storage.readText(attempt), name));
  if (corpus.words.length === 0) {
    throw new FoldError("empty", `${name} holds no words`, "a text needs at least one sentence of letters");
  }
  const { shard } = attempt.options;
  const text: Lineage = { kind: "text", name };
  const lineage: Lineage = shard === null ? text : { kind: "shard", of: text, shard: shard.number, shards: shard.of };
  const identity = { name, lineage: formatLineage(lineage), sources: [{ name, ...counts }], options: attempt.options };
  return await fold(attempt, identity, corpus, settings);
}

async function mergeArchives(attempt: Attempt, settings: RunSettings): Promise<WrittenArchive> {
  const archives: Archive[] = [];
  try {
    for (const path of await settings.storage.readArchives(attempt)) archives.push(await Archive.open(path));
    const plan = await planMerge(archives);
    // All shards of a text are that text. Two merges have one name only when they are the same, so none takes another's
    // place in the storage.
    const isText = parseLineage(plan.lineage).kind === "text";
    const identity = { ...plan, name: isText ? plan.defaultName : `merged-${nameHash(plan)}` };
    if (plan.copyFrom === null) return await fold(attempt, identity, plan.corpus, settings);
    const path = archivePath(attempt);
    const { signal } = settings;
    return await copyChunks(plan, plan.copyFrom, identity.name, path, { signal, durability: HANDED_OVER });
  } finally {
    for (const archive of archives) archive.close();
  }
}

function nameHash({ sentences, lineage }: MergePlan): string {
  return sha256(new TextEncoder().encode(`${sentences} ${lineage}`)).slice(0, HASH_DIGITS);
}

async function fold(
  attempt: Attempt,
  identity: ArchiveIdentity,
  corpus: Corpus,
  settings: RunSettings,
): Promise<WrittenArchive> {
  const path = archivePath(attempt);
  const finished = await finishedArchive(path, identity, corpus);
  if (finished !== null) return finished;
  const { storage, partsAfter_ms, threads, keptThreads, signal, onPlan, onProgress } = settings;
  const { options } = identity;
  const parts = storage.keepsFolders
    ? null
    : new PartsElsewhere(storage, attempt, workFolder(path), foldKey({ corpus, options }), partsAfter_ms);
  await parts?.fetch(signal);
  let isDone = false;
  try {
    const { archive } = await foldCorpus({
      ...identity,
      corpus,
      threads,
      keptThreads,
      archive: path,
      durability: HANDED_OVER,
      fresh: false,
      signal,
      onPlan,
      onProgress,
      onPart: (file) => parts?.put(file),
    });
    isDone = true;
    // One was asked for.
    return archive as WrittenArchive;
  } finally {
    await parts?.end(isDone);
  }
}

/**
 * The archive of an attempt before this one that had come to its end but for handing over; null where there is none. It
 * is decoded to the last byte: a power cut may have left it with holes.
 */
async function finishedArchive(
  path: string,
  identity: ArchiveIdentity,
  corpus: Corpus,
): Promise<WrittenArchive | null> {
  const found = await findArchive(path, identity, corpus);
  if (typeof found === "string") return null;
  try {
    const tarSha256 = await found.tarSha256();
    const isWhole = (await found.decodedTarSha256()) === tarSha256;
    return isWhole ? { path, manifest: found.manifest, bytes: found.sizeBytes, tarSha256 } : null;
  } catch (error) {
    if (error instanceof FoldError && error.code === "corrupt") return null;
    throw error;
  } finally {
    found.close();
  }
}

/** Where the archive of an attempt is made. */
export function archivePath({ folder }: Attempt): string {
  return join(folder, "archive.tar.zst");
}
