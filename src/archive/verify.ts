import { CorpusBuilder } from "../core/corpus.ts";
import { betterOrtho, canonicalLine, compareOrthos, type Ortho } from "../core/optimal.ts";
import { addShapes, type ShapeCounts, sameShapes, volumeOf } from "../core/shapes.ts";
import { FoldError } from "../errors.ts";
import { type Chunk, decodeChunk } from "./chunk.ts";
import { decodeInterner, encodeInterner } from "./interner.ts";
import {
  type ChunkEntry,
  encodeManifest,
  INTERNER,
  MANIFEST,
  MAX_MANIFEST_BYTES,
  type Manifest,
  OPTIMAL,
  sha256,
} from "./manifest.ts";
import { Archive, agrees } from "./reader.ts";
import { tarSha256ByFzstd } from "./second-decoder.ts";
import { tailSize } from "./seek-table.ts";
import { ArchiveSource } from "./source.ts";
import { BLOCK, tarHeader, tarPadding } from "./tar.ts";
import { readTar, type TarMember } from "./tar-stream.ts";
import { ChunkChecker } from "./verify-chunk.ts";

/** As many last bytes of a file as show whether it ends in a seek table. */
const FOOTER_BYTES = 9;
/** Problems beyond so many are counted, not listed. */
const MAX_PROBLEMS = 100;

/** How an archive is to be checked. */
export interface VerifyOptions {
  /** Share of the chunks whose orthos are checked, above 0 and up to 1. */
  readonly sample: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: VerifyProgress) => void;
}

/** How far a check is. */
export interface VerifyProgress {
  readonly step: "reading" | "decoding again";
  /** Orthos checked, and how many there are to check. */
  readonly orthos: number;
  readonly orthosInAll: number;
}

/** What was checked, and what is wrong. */
export interface VerifyResult {
  readonly ok: boolean;
  readonly members: number;
  readonly tar_bytes: number;
  /** null where the file could not be read to its end. */
  readonly tar_sha256: string | null;
  /** Whether the file names this hash itself; a file that was compressed again does not. */
  readonly tar_sha256_is_stated: boolean;
  readonly chunks: number;
  readonly chunks_checked: number;
  readonly orthos: number;
  readonly orthos_checked: number;
  /** At most the first 100. */
  readonly problems: readonly string[];
  readonly problem_count: number;
}

/**
 * Check an archive: the whole file read once and decoded once more by an independent decoder, every hash and count,
 * and the orthos against the archive's own sentences.
 *
 * @throws FoldError where there is nothing to check (`not_found`, `unreadable`, `usage` for a folder), or `interrupted`
 */
export async function verifyArchive(path: string, options: VerifyOptions): Promise<VerifyResult> {
  const source = new ArchiveSource(path);
  const stated = source.tarSha256;
  const check = new ArchiveCheck(path, options);
  try {
    check.manifest = await readManifest(path, (problem) => check.problem(problem));
    if (source.frames === null && tailSize(await lastBytes(path)) !== null) {
      check.problem(`${path} has a seek table at its end that does not fit the file`);
    }
    await check.readMembers(source);
  } finally {
    source.close();
  }
  if (stated !== null && check.tarSha256 !== null && stated !== check.tarSha256) {
    check.problem(`the tar has SHA-256 ${check.tarSha256}, and the file says ${stated}`);
  }
  await check.decodeAgain();
  return check.result(stated !== null);
}

async function lastBytes(path: string): Promise<Uint8Array> {
  const file = Bun.file(path);
  return await file.slice(Math.max(0, file.size - FOOTER_BYTES)).bytes();
}

async function readManifest(path: string, tell: (problem: string) => void): Promise<Manifest | null> {
  try {
    const archive = await Archive.open(path);
    archive.close();
    return archive.manifest;
  } catch (error) {
    if (!(error instanceof FoldError) || error.code !== "corrupt") throw error;
    tell(error.message);
    return null;
  }
}

/** One check of one archive: members arrive in the order of the file, the manifest is known before. */
class ArchiveCheck {
  manifest: Manifest | null = null;
  tarSha256: string | null = null;
  private readonly tarHash = new Bun.CryptoHasher("sha256");
  private readonly problems: string[] = [];
  private problemCount = 0;
  private members = 0;
  private tarBytes = 0;
  private chunksChecked = 0;
  private checker: ChunkChecker | null = null;
  /** Zero bytes that belong behind the last member. */
  private padding = 0;
  private readonly shapes: ShapeCounts = {};
  private optimal: Ortho | null = null;

  constructor(
    private readonly path: string,
    private readonly options: VerifyOptions,
  ) {}

  private sizes: Map<string, number> | null = null;

  problem(text: string): void {
    // Both decoders may say the same of a file.
    if (this.problems.includes(text)) return;
    this.problemCount++;
    if (this.problems.length < MAX_PROBLEMS) this.problems.push(text);
  }

  /** The file from its start to its end, in constant memory. */
  async readMembers(source: ArchiveSource): Promise<void> {
    // What the tar must be, byte for byte: this finds foreign bytes between members and odd headers.
    const due = new Bun.CryptoHasher("sha256");
    const sampled = this.sampledChunks();
    try {
      for await (const member of readTar(this.hashed(source), this.path, (path) => this.sizeOf(path))) {
        this.stopIfAsked();
        due.update(tarHeader(member.path, member.bytes.length));
        due.update(member.bytes);
        due.update(new Uint8Array(tarPadding(member.bytes.length)));
        this.seekable(member, source);
        this.member(member, sampled);
        await Bun.sleep(0); // signals are heard only between turns of the event loop
      }
      this.endOfTable(source);
      this.tarSha256 = this.tarHash.digest("hex");
      if (due.update(new Uint8Array(2 * BLOCK)).digest("hex") !== this.tarSha256) {
        this.problem(`${this.path}: its tar holds more than members, or headers that fold does not write`);
      }
    } catch (error) {
      if (!(error instanceof FoldError) || error.code !== "corrupt") throw error;
      this.problem(error.message);
      return;
    }
    this.wholeAgrees();
  }

  /** Decode the file once more with fzstd: what one decoder lets pass the other may not. */
  async decodeAgain(): Promise<void> {
    this.tell("decoding again");
    let again: string;
    try {
      again = await tarSha256ByFzstd(this.path, () => this.stopIfAsked());
    } catch (error) {
      if (!(error instanceof FoldError) || error.code !== "corrupt") throw error;
      this.problem(error.message);
      return;
    }
    if (this.tarSha256 !== null && again !== this.tarSha256) {
      this.problem(`${this.path} is decoded differently by fzstd: SHA-256 ${again} instead of ${this.tarSha256}`);
    }
  }

  result(isStated: boolean): VerifyResult {
    return {
      ok: this.problemCount === 0,
      members: this.members,
      tar_bytes: this.tarBytes,
      tar_sha256: this.tarSha256,
      tar_sha256_is_stated: isStated,
      chunks: this.manifest?.chunks.length ?? 0,
      chunks_checked: this.chunksChecked,
      orthos: this.manifest?.orthos ?? 0,
      orthos_checked: this.checker?.orthos ?? 0,
      problems: this.problems,
      problem_count: this.problemCount,
    };
  }

  private async *hashed(source: ArchiveSource): AsyncGenerator<Uint8Array> {
    for await (const piece of source.stream()) {
      this.tarHash.update(piece);
      this.tarBytes += piece.length;
      yield piece;
    }
  }

  /** A member may be as large as the manifest says; what it does not list is none of fold's, and small. */
  private sizeOf(path: string): number {
    if (this.manifest === null) return MAX_MANIFEST_BYTES;
    const { interner, chunks, optimal_txt } = this.manifest;
    this.sizes ??= new Map([interner, optimal_txt, ...chunks].map((member) => [member.path, member.size]));
    return this.sizes.get(path) ?? MAX_MANIFEST_BYTES;
  }

  /** Readers that skip go by the seek table: it must lead to the same bytes as reading from the start. */
  private seekable({ path, bytes }: TarMember, source: ArchiveSource): void {
    const head = new Uint8Array(this.padding + BLOCK);
    head.set(tarHeader(path, bytes.length), this.padding);
    this.padding = tarPadding(bytes.length);
    this.framesAre(source, 2 * this.members, [head, bytes], path);
  }

  private endOfTable(source: ArchiveSource): void {
    const end = new Uint8Array(this.padding + 2 * BLOCK);
    this.framesAre(source, 2 * this.members, [end], "the end of the tar");
    if (source.frames !== null && source.frames.length !== 2 * this.members + 1) {
      this.problem(`the seek table lists ${source.frames.length} frames where ${2 * this.members + 1} are due`);
    }
  }

  private framesAre(source: ArchiveSource, first: number, due: readonly Uint8Array[], what: string): void {
    if (source.frames === null) return;
    try {
      if (due.every((bytes, i) => Buffer.compare(source.frame(first + i, bytes.length), bytes) === 0)) return;
      this.problem(`${what} is not where the seek table says`);
    } catch (error) {
      if (!(error instanceof FoldError)) throw error;
      this.problem(`${what} is not where the seek table says: ${error.message}`);
    }
  }

  /** One member: its place, its hash, and what is in it. */
  private member({ path, bytes }: TarMember, sampled: ReadonlySet<string>): void {
    const { manifest } = this;
    const number = this.members++;
    const due = manifest === null ? undefined : dueMember(manifest, number);
    if (manifest !== null && due?.path !== path) {
      this.problem(`member ${number + 1} is ${path} where ${due?.path ?? "none"} is due`);
      return;
    }
    if (due?.sha256 !== undefined && (due.size !== bytes.length || due.sha256 !== sha256(bytes))) {
      this.problem(`${path} is not the one that the manifest lists`);
    }
    try {
      if (path === INTERNER) this.interner(bytes);
      else if (path === OPTIMAL) this.optimalTxt(bytes);
      else if (path === MANIFEST) this.manifestBytes(bytes);
      else this.chunk(decodeChunk(bytes, path), path, sampled.has(path));
    } catch (error) {
      if (!(error instanceof FoldError) || error.code !== "corrupt") throw error;
      this.problem(error.message);
    }
  }

  private interner(bytes: Uint8Array): void {
    const corpus = decodeInterner(bytes);
    const again = encodeInterner(new CorpusBuilder().addCorpus(corpus).build());
    if (Buffer.compare(again, bytes) !== 0) {
      this.problem(`${INTERNER} is not in canonical form: words unused, or sentences repeated or out of order`);
    }
    const { manifest } = this;
    if (manifest === null) return;
    if (corpus.words.length !== manifest.vocabulary) this.problem("the manifest counts the vocabulary wrongly");
    if (corpus.starts.length - 1 !== manifest.distinct_sentences) this.problem("the manifest counts sentences wrongly");
    this.checker = new ChunkChecker(corpus, manifest.options);
  }

  private chunk(chunk: Chunk, path: string, isSampled: boolean): void {
    const { manifest } = this;
    addShapes(this.shapes, chunk.shapes);
    this.optimal = betterOrtho(this.optimal, chunk.optimal);
    const entry = manifest?.chunks[this.members - 2];
    if (manifest !== null && entry !== undefined) {
      if (!agrees(chunk, entry)) this.problem(`${path} has another head than the manifest says`);
      if ((chunk.words !== undefined) !== (manifest.format === 1)) this.problem(`${path} is of another format`);
      if (chunk.minVolume !== manifest.options.min_volume) this.problem(`${path} was folded with another least volume`);
    }
    if (!isSampled || this.checker === null) return;
    const [origin, second, square] = manifest?.chunks[this.members - 1]?.start ?? [];
    const next = origin === undefined || second === undefined ? null : { origin, second, square: square ?? 0 };
    for (const problem of this.checker.check(chunk, path, next)) this.problem(problem);
    this.chunksChecked++;
    this.tell("reading");
  }

  private optimalTxt(bytes: Uint8Array): void {
    const { manifest } = this;
    if (manifest === null) return;
    const line = manifest.optimal === null ? "" : `${canonicalLine(manifest.optimal)}\n`;
    if (new TextDecoder().decode(bytes) !== line) this.problem(`${OPTIMAL} is not the optimal ortho of the manifest`);
  }

  private manifestBytes(bytes: Uint8Array): void {
    if (this.manifest === null || Buffer.compare(encodeManifest(this.manifest), bytes) === 0) return;
    this.problem(`${MANIFEST} is not written as fold writes it`);
  }

  /** Totals of the manifest against the sum of the chunks. */
  private wholeAgrees(): void {
    const { manifest } = this;
    if (manifest === null) return;
    const due = manifest.chunks.length + 3;
    if (this.members < due) this.problem(`there are ${this.members} members where ${due} are due`);
    if (!sameShapes(this.shapes, manifest.shapes)) this.problem("the manifest counts orthos by shape wrongly");
    const orthos = Object.values(this.shapes).reduce((sum, count) => sum + count, 0);
    if (orthos !== manifest.orthos)
      this.problem(`the manifest counts ${manifest.orthos} orthos, and there are ${orthos}`);
    const { optimal } = manifest;
    if (optimal === null || this.optimal === null) {
      if (optimal !== this.optimal) this.problem("the manifest is wrong about whether there is an optimal ortho");
      return;
    }
    const isBest = compareOrthos(optimal, this.optimal) === 0;
    if (!isBest || optimal.volume !== volumeOf(optimal.dims)) {
      this.problem("the manifest names an optimal ortho that is not the best of its chunks");
    }
  }

  /** The chunks whose orthos are looked at: chosen by their hashes, and at least one. */
  private sampledChunks(): Set<string> {
    const chunks = this.manifest?.chunks ?? [];
    const rank = ({ sha256: hash }: ChunkEntry) => Number.parseInt(hash.slice(0, 8), 16) / 2 ** 32;
    const wanted = chunks.filter((chunk) => this.options.sample === 1 || rank(chunk) < this.options.sample);
    if (wanted.length === 0 && chunks.length > 0) wanted.push(chunks.reduce((a, b) => (rank(b) < rank(a) ? b : a)));
    return new Set(wanted.map(({ path }) => path));
  }

  private tell(step: VerifyProgress["step"]): void {
    const orthosInAll = (this.manifest?.orthos ?? 0) * this.options.sample;
    this.options.onProgress?.({ step, orthos: this.checker?.orthos ?? 0, orthosInAll });
  }

  private stopIfAsked(): void {
    if (this.options.signal?.aborted !== true) return;
    throw new FoldError("interrupted", "stopped before all was checked", "run the same command again");
  }
}

/** The member with a number, as the manifest lists it; itself it lists by name alone. */
function dueMember(manifest: Manifest, number: number): { path: string; size?: number; sha256?: string } | undefined {
  const { chunks } = manifest;
  if (number === 0) return manifest.interner;
  if (number <= chunks.length) return chunks[number - 1];
  if (number === chunks.length + 1) return manifest.optimal_txt;
  return number === chunks.length + 2 ? { path: MANIFEST } : undefined;
}
