import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Corpus } from "../core/corpus.ts";
import { betterOrtho, canonicalLine, type Ortho } from "../core/optimal.ts";
import { addShapes, cellsOf, type ShapeCounts, sortShapes, volumeOf } from "../core/shapes.ts";
import { syncFolder, temporaryPath, writeAll } from "../disk.ts";
import { FoldError, fromSystemError } from "../errors.ts";
import type { ChunkHead } from "./chunk.ts";
import { encodeInterner } from "./interner.ts";
import {
  type ChunkEntry,
  chunkPath,
  encodeManifest,
  FORMAT_VERSION,
  type FoldOptions,
  INTERNER,
  MANIFEST,
  MAX_MANIFEST_BYTES,
  type Manifest,
  type MemberEntry,
  OPTIMAL,
  type Source,
  sealManifest,
  sha256,
} from "./manifest.ts";
import { encodeTail, type FrameSize } from "./seek-table.ts";
import { MAX_MEMBER_BYTES } from "./source.ts";
import { BLOCK, tarHeader, tarPadding } from "./tar.ts";
import { compressFrame } from "./zstd.ts";

/** Small pieces are written together: a short text's archive in one go, where each would take as long as its piece. */
const PIECES_BYTES = 1 << 16;

/** What an archive is called and made of. */
export interface ArchiveIdentity {
  readonly name: string;
  readonly lineage: string;
  readonly sources: readonly Source[];
  readonly options: FoldOptions;
}

/**
 * What of a finished archive survives a power cut: the file under its name, or nothing, for whoever sees to the disk
 * itself, or sends the archive away before it counts.
 */
export type Durability = "file" | "none";

/** A finished archive. */
export interface WrittenArchive {
  readonly path: string;
  readonly manifest: Manifest;
  readonly bytes: number;
  readonly tarSha256: string;
}

/** The disk was full before an archive was whole: how far it came is known by the error alone when its file is gone. */
export class UnfinishedArchive extends FoldError {
  /**
   * @param written_bytes what its file had taken
   * @param reached_bytes the same with all of the piece that found no room
   */
  constructor(
    { code, message, hint, cause }: FoldError,
    readonly written_bytes: number,
    readonly reached_bytes: number,
  ) {
    super(code, message, hint, cause);
  }
}

/**
 * Writes an archive member by member into a temporary file beside its place, or in a folder beside it, and puts it there
 * when it is whole.
 *
 * Order is the promise: sentences first, then chunks in the order of the walk, the manifest last. Until `finish`
 * has renamed the file, nothing stands under the archive's name; after a failure `discard` leaves nothing at all.
 */
export class ArchiveWriter {
  private readonly temporary: string;
  private file: number;
  private isFinished = false;
  private readonly tarHash = new Bun.CryptoHasher("sha256");
  private readonly frames: FrameSize[] = [];
  /** What is not written yet. */
  private pieces: Uint8Array[] = [];
  private piecesBytes = 0;
  /** Zero bytes that belong behind the last member. */
  private padding = 0;
  private readonly chunks: ChunkEntry[] = [];
  private readonly shapes: ShapeCounts = {};
  private optimal: Ortho | null = null;
  private readonly interner: MemberEntry;

  constructor(
    private readonly path: string,
    private readonly identity: ArchiveIdentity,
    private readonly corpus: Corpus,
    private readonly durability: Durability = "file",
    folder: string = dirname(path),
  ) {
    this.temporary = temporaryPath(join(folder, basename(path)));
    try {
      this.file = openSync(this.temporary, "wx");
    } catch (error) {
      throw fromSystemError(error, "create the archive", path);
    }
    try {
      this.interner = this.addMember(INTERNER, encodeInterner(corpus));
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  /**
   * Add the next chunk of the walk.
   *
   * @param bytes as encodeChunk gives them
   * @param frame the same bytes compressed, if that has been done already
   */
  addChunk(head: Omit<ChunkHead, "minVolume">, bytes: Uint8Array, frame?: Uint8Array): void {
    const member = this.addMember(chunkPath(this.chunks.length), bytes, frame);
    const { orthos, shapes, start } = head;
    this.chunks.push({
      ...member,
      orthos,
      shapes: sortShapes(shapes),
      start: [start.origin, start.second, start.square],
    });
    addShapes(this.shapes, shapes);
    this.optimal = betterOrtho(this.optimal, head.optimal);
  }

  /** Write what is left, make sure that as much of it is on the disk as shall be, and give the archive its name. */
  finish(): WrittenArchive {
    const { optimal } = this;
    const line = optimal === null ? "" : `${canonicalLine(optimal)}\n`;
    const optimalTxt = this.addMember(OPTIMAL, new TextEncoder().encode(line));
    const manifest = this.manifest(optimalTxt);
    this.addMember(MANIFEST, encodeManifest(manifest));
    this.writeFrame(new Uint8Array(this.padding + 2 * BLOCK));
    const tarSha256 = this.tarHash.digest("hex");
    const tail = encodeTail(this.frames, tarSha256);
    this.write(tail);
    this.flush();
    try {
      if (this.durability === "file") fsyncSync(this.file);
      closeSync(this.file);
      this.file = -1;
      renameSync(this.temporary, this.path);
      this.isFinished = true;
      if (this.durability === "file") syncFolder(dirname(this.path));
    } catch (error) {
      throw this.toldError(error);
    }
    return { path: this.path, manifest, bytes: this.framesBytes() + tail.length, tarSha256 };
  }

  /** Leave nothing behind: for every way out but `finish`. */
  discard(): void {
    if (this.file >= 0) closeSync(this.file);
    this.file = -1;
    if (!this.isFinished) rmSync(this.temporary, { force: true });
  }

  private manifest(optimalTxt: MemberEntry): Manifest {
    const { identity, corpus, optimal } = this;
    // Spelled out, because the order of the keys is part of the bytes.
    const { max_dims, min_volume, shard } = identity.options;
    return sealManifest({
      format: FORMAT_VERSION,
      name: identity.name,
      lineage: identity.lineage,
      sources: identity.sources.map(({ name, sentences, tokens }) => ({ name, sentences, tokens })),
      options: { max_dims, min_volume, shard: shard && { number: shard.number, of: shard.of } },
      distinct_sentences: corpus.starts.length - 1,
      vocabulary: corpus.words.length,
      orthos: this.chunks.reduce((sum, chunk) => sum + chunk.orthos, 0),
      shapes: sortShapes(this.shapes),
      optimal:
        optimal === null
          ? null
          : { dims: optimal.dims, volume: volumeOf(optimal.dims), cells: cellsOf(optimal.dims), words: optimal.words },
      interner: this.interner,
      chunks: this.chunks,
      optimal_txt: optimalTxt,
    });
  }

  /** One frame with the padding of the member before and this member's header, one with its bytes. */
  private addMember(path: string, bytes: Uint8Array, frame?: Uint8Array): MemberEntry {
    const most_bytes = path === MANIFEST ? MAX_MANIFEST_BYTES : MAX_MEMBER_BYTES;
    if (bytes.length > most_bytes) {
      const hint = "fold the text in parts, with --shard or as several texts";
      throw new FoldError("failed", `${path} would be larger than the ${most_bytes} bytes that readers take`, hint);
    }
    const head = new Uint8Array(this.padding + BLOCK);
    head.set(tarHeader(path, bytes.length), this.padding);
    this.writeFrame(head);
    this.writeFrame(bytes, frame);
    this.padding = tarPadding(bytes.length);
    return { path, size: bytes.length, sha256: sha256(bytes) };
  }

  private writeFrame(bytes: Uint8Array, compressed: Uint8Array = compressFrame(bytes)): void {
    this.tarHash.update(bytes);
    this.frames.push({ compressed: compressed.length, content: bytes.length });
    this.write(compressed);
  }

  private write(bytes: Uint8Array): void {
    this.pieces.push(bytes);
    this.piecesBytes += bytes.length;
    if (this.piecesBytes >= PIECES_BYTES) this.flush();
  }

  private flush(): void {
    try {
      writeAll(this.file, this.pieces.length === 1 ? this.pieces[0] : Buffer.concat(this.pieces));
      this.pieces = [];
      this.piecesBytes = 0;
    } catch (error) {
      throw this.toldError(error);
    }
  }

  private toldError(error: unknown): FoldError {
    const told = fromSystemError(error, "write the archive", this.path);
    if (told.code !== "no_space") return told;
    // By its name: some file systems find out when they close the file.
    const written_bytes = statSync(this.temporary, { throwIfNoEntry: false })?.size ?? 0;
    return new UnfinishedArchive(told, written_bytes, this.framesBytes());
  }

  private framesBytes(): number {
    return this.frames.reduce((sum, frame) => sum + frame.compressed, 0);
  }
}
