import { decodeChunk } from "../archive/chunk.ts";
import { encodeInterner } from "../archive/interner.ts";
import { formatLineage, type Lineage, parseLineage } from "../archive/lineage.ts";
import { type ChunkEntry, type FoldOptions, type Manifest, type Source, sha256 } from "../archive/manifest.ts";
import type { Archive } from "../archive/reader.ts";
import { type ArchiveIdentity, ArchiveWriter, type WrittenArchive } from "../archive/writer.ts";
import { compareUtf8 } from "../core/compare.ts";
import { type Corpus, CorpusBuilder } from "../core/corpus.ts";
import { FoldError } from "../errors.ts";

/** What a merge comes to, before any of it is done. */
export interface MergePlan extends Omit<ArchiveIdentity, "name"> {
  /** A name made of the names of the parts. */
  readonly defaultName: string;
  readonly corpus: Corpus;
  /** SHA-256 of the sentences, encoded. */
  readonly sentences: string;
  /** Archives whose chunks are, side by side, all chunks of the result; null when it has to be folded. */
  readonly copyFrom: readonly Archive[] | null;
}

/** One text or union among the archives to be merged: a whole archive, or all shards of one. */
interface Part {
  readonly name: string;
  readonly lineage: Lineage;
  readonly sources: readonly Source[];
  readonly sentences: string;
  readonly archives: readonly Archive[];
}

const LONGEST_DEFAULT_NAME = 60;

/**
 * Find out what merging the archives means: the union of their sentences, their lineages side by side.
 *
 * All shards of a text make up that text again and need no walk; nor does a union that one of the parts equals.
 *
 * @throws FoldError `usage` when the archives do not go together, with what is missing
 */
export async function planMerge(archives: readonly Archive[]): Promise<MergePlan> {
  const options = commonOptions(archives);
  const parts = gatherParts(archives);
  const builder = new CorpusBuilder();
  for (const part of parts) builder.addCorpus(await part.archives[0].corpus());
  const corpus = builder.build();
  const sentences = sha256(encodeInterner(corpus));
  const same = parts.find((part) => part.sentences === sentences);
  const [first] = parts;
  const lineage: Lineage = parts.length === 1 ? first.lineage : { kind: "merge", parts: parts.map((p) => p.lineage) };
  const joined = parts.map((part) => part.name).join("+");
  return {
    defaultName: joined.length <= LONGEST_DEFAULT_NAME ? joined : `merged-${sentences.slice(0, 12)}`,
    lineage: formatLineage(lineage),
    sources: parts.flatMap((part) => part.sources),
    options,
    corpus,
    sentences,
    copyFrom: same?.archives ?? null,
  };
}

/** Write the archive of a merge whose chunks are all there. */
export async function copyChunks(
  plan: MergePlan,
  archives: readonly Archive[],
  name: string,
  path: string,
  signal?: AbortSignal,
): Promise<WrittenArchive> {
  const writer = new ArchiveWriter(path, { ...plan, name }, plan.corpus);
  try {
    for await (const [entry, bytes] of inOrderOfTheWalk(archives)) {
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

function commonOptions(archives: readonly Archive[]): FoldOptions {
  const [first, ...others] = archives;
  const { max_dims, min_volume } = first.manifest.options;
  for (const other of others) {
    const options = other.manifest.options;
    if (options.max_dims === max_dims && options.min_volume === min_volume) continue;
    const describe = ({ max_dims: dims, min_volume: volume }: FoldOptions) =>
      `--max-dims ${dims ?? "all"} --min-volume ${volume}`;
    throw new FoldError(
      "usage",
      `${first.path} was folded with ${describe(first.manifest.options)}, ${other.path} with ${describe(options)}`,
      "fold both with the same options, then merge",
    );
  }
  return { max_dims, min_volume, shard: null };
}

/** Put the shards of each text together; every other archive is a part of its own. */
function gatherParts(archives: readonly Archive[]): Part[] {
  const families = new Map<string, Archive[]>();
  archives.forEach((archive, number) => {
    const { options, interner } = archive.manifest;
    const key = options.shard === null ? `archive ${number}` : `${interner.sha256} of ${options.shard.of}`;
    families.set(key, [...(families.get(key) ?? []), archive]);
  });
  return [...families.values()].map((family) =>
    isShard(family[0].manifest) ? joinShards(family) : wholePart(family[0]),
  );
}

const isShard = (manifest: Manifest) => manifest.options.shard !== null;

function wholePart(archive: Archive): Part {
  const { name, sources, interner, lineage } = archive.manifest;
  return { name, lineage: parseLineage(lineage), sources, sentences: interner.sha256, archives: [archive] };
}

function joinShards(family: readonly Archive[]): Part {
  const byNumber = new Map(family.map((archive) => [archive.manifest.options.shard?.number ?? 0, archive]));
  const { manifest } = family[0];
  const count = manifest.options.shard?.of ?? 0;
  const missing = Array.from({ length: count }, (_, i) => i + 1).filter((number) => !byNumber.has(number));
  if (missing.length > 0) {
    const list = missing.map((number) => `${number}/${count}`).join(", ");
    throw new FoldError(
      "usage",
      `of the ${count} shards of ${manifest.name} these are missing: ${list}`,
      "shards can be merged when all of them are there: fold the missing ones with --shard",
    );
  }
  const lineage = parseLineage(manifest.lineage);
  return {
    name: manifest.name,
    lineage: lineage.kind === "shard" ? lineage.of : lineage,
    sources: manifest.sources,
    sentences: manifest.interner.sha256,
    archives: [...byNumber.values()],
  };
}
