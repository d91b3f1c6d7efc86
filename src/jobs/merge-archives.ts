import { decodeChunk } from "../archive/chunk.ts";
import { encodeInterner } from "../archive/interner.ts";
import { formatLineage, type Lineage, parseLineage, textsOf } from "../archive/lineage.ts";
import { type ChunkEntry, FORMAT_VERSION, type FoldOptions, type Source, sha256 } from "../archive/manifest.ts";
import type { Archive } from "../archive/reader.ts";
import { type ArchiveIdentity, ArchiveWriter, type Durability, type WrittenArchive } from "../archive/writer.ts";
import { compareUtf8 } from "../core/compare.ts";
import { type Corpus, CorpusBuilder } from "../core/corpus.ts";
import { FoldError } from "../errors.ts";
import { breathe } from "../store/files.ts";

/** What a merge comes to, before any of it is done. */
export interface MergePlan<T = Archive> extends Omit<ArchiveIdentity, "name"> {
  /** A name made of the names of the parts. */
  readonly defaultName: string;
  readonly corpus: Corpus;
  /** SHA-256 of the sentences, encoded. */
  readonly sentences: string;
  /** Archives whose chunks are, side by side, all chunks of the result; null when it has to be folded: see `planMerge`. */
  readonly copyFrom: readonly T[] | null;
}

/** One text or union among the archives to be merged: a whole archive, or all shards of one. */
interface Part<T> {
  readonly name: string;
  readonly lineage: Lineage;
  readonly sources: readonly Source[];
  readonly sentences: string;
  readonly shards: number | null;
  /** Its chunks can be chunks of what is written now. */
  isOfThisFormat: boolean;
  /** By the numbers of the shards; a whole archive is number 1. */
  readonly archives: Map<number, T>;
}

const LONGEST_DEFAULT_NAME = 60;

/**
 * Find out what merging the archives means: the union of their sentences, their lineages side by side.
 *
 * All shards of a text make up that text again and need no walk; nor does a union that one of the parts equals. Chunks
 * of an earlier format are not copied.
 *
 * @throws FoldError `usage` when the archives do not go together, with what is missing
 */
export async function planMerge(archives: readonly Archive[]): Promise<MergePlan> {
  const planner = new MergePlanner<Archive>();
  for (const archive of archives) await planner.add(archive, archive);
  return planner.plan();
}

/**
 * Plans a merge from archives that are looked at one after the other, and need not stay open.
 *
 * @typeParam T what stands for an archive that may be needed again
 */
export class MergePlanner<T> {
  private readonly builder = new CorpusBuilder();
  private readonly parts = new Map<string, Part<T>>();
  /** Those that unions among the parts are made of. */
  private readonly texts = new Set<string>();
  private first: { readonly path: string; readonly options: FoldOptions } | null = null;

  /** Add an archive: its sentences are read now. */
  async add(archive: Archive, handle: T): Promise<void> {
    const { interner, options, name, sources, lineage: text } = archive.manifest;
    this.checkOptions(archive);
    const { shard } = options;
    const key = shard === null ? `archive ${this.parts.size}` : `${interner.sha256} of ${shard.of}`;
    const known = this.parts.get(key);
    const isOfThisFormat = archive.manifest.format === FORMAT_VERSION;
    if (known !== undefined) {
      known.isOfThisFormat &&= isOfThisFormat;
      known.archives.set(shard?.number ?? 1, handle);
      return;
    }
    this.builder.addCorpus(await archive.corpus());
    const parsed = parseLineage(text);
    const lineage = parsed.kind === "shard" ? parsed.of : parsed;
    if (lineage.kind === "merge") for (const leaf of textsOf(lineage)) this.texts.add(leaf);
    const archives = new Map([[shard?.number ?? 1, handle]]);
    const shards = shard?.of ?? null;
    this.parts.set(key, { name, lineage, sources, sentences: interner.sha256, shards, isOfThisFormat, archives });
  }

  /** Whether an archive's texts are all in unions that were added before, with all their sentences: it changes nothing. */
  async hasAll(archive: Archive): Promise<boolean> {
    if (!textsOf(parseLineage(archive.manifest.lineage)).every((text) => this.texts.has(text))) return false;
    const before = this.builder.size;
    this.builder.addCorpus(await archive.corpus());
    // What was added will be added again, with its lineage.
    return this.builder.size === before;
  }

  /** @throws FoldError `usage` when shards are missing, or nothing was added */
  plan(): MergePlan<T> {
    const parts = [...this.parts.values()];
    for (const part of parts) refuseMissing(part);
    const [first] = parts;
    if (first === undefined || this.first === null) {
      throw new FoldError("usage", "there is nothing to merge", "give archives");
    }
    const corpus = this.builder.build();
    const sentences = sha256(encodeInterner(corpus));
    const same = parts.find((part) => part.sentences === sentences && part.isOfThisFormat);
    const lineage: Lineage = parts.length === 1 ? first.lineage : { kind: "merge", parts: parts.map((p) => p.lineage) };
    const joined = parts.map((part) => part.name).join("+");
    const { max_dims, min_volume } = this.first.options;
    return {
      defaultName: joined.length <= LONGEST_DEFAULT_NAME ? joined : `merged-${sentences.slice(0, 12)}`,
      lineage: formatLineage(lineage),
      sources: parts.flatMap((part) => part.sources),
      options: { max_dims, min_volume, shard: null },
      corpus,
      sentences,
      copyFrom: same === undefined ? null : [...same.archives.values()],
    };
  }

  private checkOptions({ path, manifest: { options } }: Archive): void {
    this.first ??= { path, options };
    const { max_dims, min_volume } = this.first.options;
    if (options.max_dims === max_dims && options.min_volume === min_volume) return;
    const describe = ({ max_dims: dims, min_volume: volume }: FoldOptions) =>
      `--max-dims ${dims ?? "all"} --min-volume ${volume}`;
    throw new FoldError(
      "usage",
      `${this.first.path} was folded with ${describe(this.first.options)}, ${path} with ${describe(options)}`,
      "fold both with the same options, then merge",
    );
  }
}

function refuseMissing<T>({ name, shards, archives }: Part<T>): void {
  if (shards === null || archives.size === shards) return;
  const missing = Array.from({ length: shards }, (_, i) => i + 1).filter((number) => !archives.has(number));
  const list = missing.map((number) => `${number}/${shards}`).join(", ");
  throw new FoldError(
    "usage",
    `of the ${shards} shards of ${name} these are missing: ${list}`,
    "shards can be merged when all of them are there: fold the missing ones with --shard",
  );
}

/**
 * Write the archive of a merge whose chunks are all there.
 *
 * @throws FoldError `interrupted` when the signal came before the end: nothing is left behind
 */
export async function copyChunks(
  plan: MergePlan,
  archives: readonly Archive[],
  name: string,
  path: string,
  { signal, durability }: { readonly signal?: AbortSignal; readonly durability?: Durability } = {},
): Promise<WrittenArchive> {
  const writer = new ArchiveWriter(path, { ...plan, name }, plan.corpus, durability);
  try {
    for await (const [entry, bytes] of inOrderOfTheWalk(archives)) {
      // Reading and writing wait for nobody: without a turn for them no signal would be heard before the end.
      await breathe();
      if (signal?.aborted) throw new FoldError("interrupted", "stopped before the end", "run the same command again");
      writer.addChunk(decodeChunk(bytes, entry.path), bytes);
    }
    return writer.finish();
  } finally {
    writer.discard();
  }
}

/** The chunks of several archives, each of which has its own in order; one of each is in memory. */
async function* inOrderOfTheWalk(archives: readonly Archive[]): AsyncGenerator<[ChunkEntry, Uint8Array]> {
  const sources = archives.map((archive) => archive.members(archive.manifest.chunks));
  const heads = await Promise.all(sources.map((source) => source.next()));
  for (;;) {
    let first = -1;
    for (let i = 0; i < heads.length; i++) {
      if (!heads[i].done && (first < 0 || compareStarts(heads[i].value[0], heads[first].value[0]) < 0)) first = i;
    }
    if (first < 0) return;
    yield heads[first].value;
    heads[first] = await sources[first].next();
  }
}

function compareStarts({ start: a }: ChunkEntry, { start: b }: ChunkEntry): number {
  return compareUtf8(a[0], b[0]) || compareUtf8(a[1], b[1]) || a[2] - b[2];
}
