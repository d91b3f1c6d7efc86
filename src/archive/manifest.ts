import { cellsOf, type ShapeCounts } from "../core/shapes.ts";
import { FoldError } from "../errors.ts";
import { parseLineage } from "./lineage.ts";

/** Version of the whole format, in every manifest; a reader refuses a newer one. */
export const FORMAT_VERSION = 2;

export const INTERNER = "interner.bin";
export const OPTIMAL = "optimal.txt";
export const MANIFEST = "manifest.json";

/** A manifest is some hundred bytes a chunk: more than this is no honest one. */
export const MAX_MANIFEST_BYTES = 64 << 20;

/** Name of the result chunk with a number. */
export function chunkPath(number: number): string {
  return `results/queue_${String(number).padStart(8, "0")}.bin`;
}

/** What a fold was asked for: with the sentences, all that its result depends on. */
export interface FoldOptions {
  /** Most dimensions of an ortho; null for all. */
  readonly max_dims: number | null;
  /** Orthos of less volume were left out. */
  readonly min_volume: number;
  /** One shard of several; null for the whole. */
  readonly shard: { readonly number: number; readonly of: number } | null;
}

/** A text that went into an archive. */
export interface Source {
  readonly name: string;
  /** Sentences and words as they stand in the text, repeats included. */
  readonly sentences: number;
  readonly tokens: number;
}

/** The best ortho of an archive. */
export interface Optimal {
  readonly dims: readonly number[];
  readonly volume: number;
  readonly cells: number;
  readonly words: readonly string[];
}

/** One file of the archive. */
export interface MemberEntry {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

/** One result chunk: its file, what it holds, and where in the walk it starts. */
export interface ChunkEntry extends MemberEntry {
  readonly orthos: number;
  readonly shapes: ShapeCounts;
  /** First two words of the first section, and the number of its first square. */
  readonly start: readonly [string, string, number];
}

/** `manifest.json`. */
export interface Manifest {
  readonly format: number;
  readonly name: string;
  readonly lineage: string;
  readonly sources: readonly Source[];
  readonly options: FoldOptions;
  readonly distinct_sentences: number;
  readonly vocabulary: number;
  readonly orthos: number;
  readonly shapes: ShapeCounts;
  readonly optimal: Optimal | null;
  readonly interner: MemberEntry;
  readonly chunks: readonly ChunkEntry[];
  readonly optimal_txt: MemberEntry;
  /** SHA-256 of all of the manifest but name, lineage, sources and itself: equal for equal content. */
  readonly content_sha256: string;
}

/** Add the hash of the content to a manifest. */
export function sealManifest(manifest: Omit<Manifest, "content_sha256">): Manifest {
  const { name: _name, lineage: _lineage, sources: _sources, ...content } = manifest;
  return { ...manifest, content_sha256: sha256(new TextEncoder().encode(JSON.stringify(content))) };
}

/** The bytes of `manifest.json`. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(manifest, null, 1)}\n`);
}

/** SHA-256 of bytes, in hexadecimal. */
export function sha256(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}

/**
 * Read and check `manifest.json`.
 *
 * @param file named in errors
 * @throws FoldError `corrupt`, or `failed` for a format that is newer than this program
 */
export function decodeManifest(bytes: Uint8Array, file: string): Manifest {
  let manifest: Manifest;
  try {
    manifest = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as Manifest;
  } catch (cause) {
    throw damaged(file, "it is no JSON", cause);
  }
  if (!isCount(manifest?.format) || manifest.format < 1) throw damaged(file, "it has no format version");
  if (manifest.format > FORMAT_VERSION) {
    throw new FoldError(
      "failed",
      `${file} has format ${manifest.format}, and this program knows up to ${FORMAT_VERSION}`,
      "get a newer fold",
    );
  }
  checkManifest(manifest, file);
  return manifest;
}

function checkManifest(manifest: Manifest, file: string): void {
  const problem = firstProblem(manifest);
  if (problem !== null) throw damaged(file, problem);
  parseLineage(manifest.lineage);
  if (!isSealed(manifest, file)) throw damaged(file, "its content_sha256 does not fit");
}

function isSealed({ content_sha256, ...rest }: Manifest, file: string): boolean {
  try {
    return sealManifest(rest).content_sha256 === content_sha256;
  } catch (cause) {
    // JSON is read however deep it goes, but not written.
    if (!(cause instanceof RangeError)) throw cause;
    throw damaged(file, "it is nested too deeply", cause);
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isText = (value: unknown): value is string => typeof value === "string";

function firstProblem(manifest: Manifest): string | null {
  const { options, chunks, optimal, sources } = manifest;
  if (!isText(manifest.name) || !isText(manifest.lineage)) return "it has no name or no lineage";
  if (!Array.isArray(sources) || !sources.every(isSource)) return "its sources are incomplete";
  if (!isCount(manifest.distinct_sentences) || !isCount(manifest.vocabulary) || !isCount(manifest.orthos)) {
    return "its counts are incomplete";
  }
  if (typeof options !== "object" || options === null || !areOptions(options)) return "its options are incomplete";
  if (!areShapes(manifest.shapes)) return "its counts by shape are incomplete";
  if (optimal !== null && (typeof optimal !== "object" || !isOptimal(optimal)))
    return "its optimal ortho is incomplete";
  if (!isMember(manifest.interner, INTERNER)) return "it does not list interner.bin";
  if (!isMember(manifest.optimal_txt, OPTIMAL)) return "it does not list optimal.txt";
  if (!Array.isArray(chunks) || !chunks.every(isChunk)) return "its list of chunks is incomplete";
  const inChunks = chunks.reduce((sum, chunk) => sum + chunk.orthos, 0);
  return inChunks === manifest.orthos ? null : "its chunks hold another number of orthos";
}

function isSource(source: Source): boolean {
  return isText(source?.name) && isCount(source.sentences) && isCount(source.tokens);
}

function areOptions({ max_dims, min_volume, shard }: FoldOptions): boolean {
  if (max_dims !== null && !(isCount(max_dims) && max_dims >= 2)) return false;
  if (!isCount(min_volume) || min_volume < 1) return false;
  return (
    shard === null || (isCount(shard?.number) && isCount(shard.of) && shard.number >= 1 && shard.number <= shard.of)
  );
}

function areShapes(shapes: ShapeCounts): boolean {
  return typeof shapes === "object" && shapes !== null && Object.values(shapes).every(isCount);
}

function isOptimal({ dims, words, volume, cells }: Optimal): boolean {
  return (
    Array.isArray(dims) &&
    dims.every(isCount) &&
    Array.isArray(words) &&
    words.every(isText) &&
    isCount(volume) &&
    cells === words.length &&
    cells === cellsOf(dims)
  );
}

function isMember(member: MemberEntry, path: string): boolean {
  return member?.path === path && isCount(member.size) && /^[0-9a-f]{64}$/.test(member.sha256);
}

function isChunk(chunk: ChunkEntry, number: number): boolean {
  const { start } = chunk ?? {};
  if (!isMember(chunk, chunkPath(number)) || !isCount(chunk.orthos) || !areShapes(chunk.shapes)) return false;
  return Array.isArray(start) && isText(start[0]) && isText(start[1]) && isCount(start[2]);
}

function damaged(file: string, problem: string, cause?: unknown): FoldError {
  return new FoldError(
    "corrupt",
    `the manifest of ${file} is damaged: ${problem}`,
    "get another copy, or fold the text again",
    cause,
  );
}
