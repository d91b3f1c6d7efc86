import { compareUtf8 } from "../core/compare.ts";
import type { Corpus } from "../core/corpus.ts";
import { sameShapes, volumeOf } from "../core/shapes.ts";
import { type Chunk, ChunkText, decodeChunk } from "./chunk.ts";
import { decodeInterner } from "./interner.ts";
import {
  type ChunkEntry,
  decodeManifest,
  MANIFEST,
  MAX_MANIFEST_BYTES,
  type Manifest,
  type MemberEntry,
  sha256,
} from "./manifest.ts";
import { ArchiveSource, damaged } from "./source.ts";
import { BLOCK, parseTarHeader } from "./tar.ts";
import { readTar } from "./tar-stream.ts";

/** Padding and one header. */
const MAX_HEAD_BYTES = 2 * BLOCK;

/** Which orthos a reader wants; chunks without any are skipped unread. */
export interface OrthoFilter {
  /** Only this shape, for instance `2x3`. */
  readonly shape?: string;
  /** Only orthos of at least this volume. */
  readonly minVolume?: number;
  /** Only orthos whose first word this is; a chunk may hold others beside them. */
  readonly origin?: string;
}

/**
 * An archive opened for reading.
 *
 * The manifest is read first and is believed only as far as the members agree with it: each is checked against
 * its size and SHA-256 when it is read.
 */
export class Archive {
  private constructor(
    readonly path: string,
    readonly manifest: Manifest,
    private readonly source: ArchiveSource,
  ) {}

  /** @throws FoldError `not_found`, `unreadable` or `corrupt` */
  static async open(path: string): Promise<Archive> {
    const source = new ArchiveSource(path);
    try {
      const bytes = source.frames === null ? await findManifest(source) : lastMember(source);
      return new Archive(path, decodeManifest(bytes, path), source);
    } catch (error) {
      source.close();
      throw error;
    }
  }

  close(): void {
    this.source.close();
  }

  get sizeBytes(): number {
    return this.source.sizeBytes;
  }

  /** SHA-256 of the tar: as the file says where it does, else computed from the whole file. */
  async tarSha256(): Promise<string> {
    return this.source.tarSha256 ?? (await this.decodedTarSha256());
  }

  /**
   * SHA-256 of the tar that the file decodes to, whatever it says of itself. Takes a reading of the whole file.
   *
   * @returns lower-case hex
   * @throws FoldError `corrupt`
   */
  async decodedTarSha256(): Promise<string> {
    const hash = new Bun.CryptoHasher("sha256");
    for await (const piece of this.source.pieces()) hash.update(piece);
    return hash.digest("hex");
  }

  /** The sentences. */
  async corpus(): Promise<Corpus> {
    for await (const [, bytes] of this.members([this.manifest.interner])) return decodeInterner(bytes);
    throw damaged(this.path, "has no interner.bin");
  }

  /** The text as what the chunks are read with. */
  async text(): Promise<ChunkText> {
    return new ChunkText(await this.corpus());
  }

  /** All chunks that may hold what the filter asks for, in the order of the walk. */
  async *chunks(filter: OrthoFilter = {}): AsyncGenerator<[ChunkEntry, Chunk]> {
    const { chunks } = this.manifest;
    const wanted = chunks.filter((chunk, i) => mayMatch(chunk, filter) && mayStart(chunk, chunks[i + 1], filter));
    for await (const [entry, bytes] of this.members(wanted)) {
      const chunk = decodeChunk(bytes, entry.path);
      const isMixed = (chunk.words !== undefined) !== (this.manifest.format === 1);
      if (isMixed || !agrees(chunk, entry))
        throw damaged(this.path, `describes ${entry.path} differently than the chunk itself`);
      yield [entry, chunk];
    }
  }

  /** Bytes of the listed members, in their order, each checked. */
  async *members<Entry extends MemberEntry>(entries: readonly Entry[]): AsyncGenerator<[Entry, Uint8Array]> {
    if (this.source.frames === null) {
      yield* this.membersFromStream(entries);
      return;
    }
    const { manifest } = this;
    const order = [manifest.interner, ...manifest.chunks, manifest.optimal_txt];
    const numberOf = new Map(order.map((member, number) => [member.path, number]));
    for (const entry of entries) {
      const frame = 2 * (numberOf.get(entry.path) ?? 0);
      const header = lastHeader(this.source.frame(frame, MAX_HEAD_BYTES));
      if (header?.path !== entry.path || header.size !== entry.size) {
        throw damaged(this.path, `does not hold ${entry.path} where it should`);
      }
      const bytes = this.source.frame(frame + 1, entry.size);
      this.check(entry, bytes);
      yield [entry, bytes];
    }
  }

  private async *membersFromStream<Entry extends MemberEntry>(
    entries: readonly Entry[],
  ): AsyncGenerator<[Entry, Uint8Array]> {
    let next = 0;
    const wanted = (path: string) => (next < entries.length && path === entries[next].path ? entries[next].size : null);
    for await (const { bytes } of readTar(this.source.stream(), this.path, wanted)) {
      this.check(entries[next], bytes);
      yield [entries[next++], bytes];
    }
    if (next < entries.length) throw damaged(this.path, `lacks ${entries[next].path}`);
  }

  private check(entry: MemberEntry, bytes: Uint8Array): void {
    if (bytes.length === entry.size && sha256(bytes) === entry.sha256) return;
    throw damaged(this.path, `holds another ${entry.path} than its manifest says`);
  }
}

/** Whether the head of a chunk is what the manifest says of it. */
export function agrees(chunk: Chunk, entry: ChunkEntry): boolean {
  const { origin, second, square } = chunk.start;
  const isSameStart = origin === entry.start[0] && second === entry.start[1] && square === entry.start[2];
  return isSameStart && chunk.orthos === entry.orthos && sameShapes(chunk.shapes, entry.shapes);
}

/** With a seek table the manifest is the last frame but one. */
function lastMember(source: ArchiveSource): Uint8Array {
  const count = source.frames?.length ?? 0;
  if (count < 3) throw damaged(source.path, "has no manifest: it was not finished");
  const header = lastHeader(source.frame(count - 3, MAX_HEAD_BYTES));
  if (header?.path !== MANIFEST) throw damaged(source.path, "has no manifest: it was not finished");
  return source.frame(count - 2, MAX_MANIFEST_BYTES);
}

/** The member that the frame before it announces, behind the padding of the member before. */
function lastHeader(frame: Uint8Array): { path: string; size: number } | null {
  return frame.length < BLOCK ? null : parseTarHeader(frame.subarray(frame.length - BLOCK));
}

async function findManifest(source: ArchiveSource): Promise<Uint8Array> {
  let manifest: Uint8Array | null = null;
  const wanted = (path: string) => {
    manifest = null;
    return path === MANIFEST ? MAX_MANIFEST_BYTES : null;
  };
  for await (const { bytes } of readTar(source.stream(), source.path, wanted)) manifest = bytes;
  if (manifest === null) throw damaged(source.path, "has no manifest at its end: it is no archive, or not a whole one");
  return manifest;
}

/** A chunk holds no origin word before its own start, and none behind that of the next one. */
function mayStart({ start }: ChunkEntry, next: ChunkEntry | undefined, { origin }: OrthoFilter): boolean {
  if (origin === undefined) return true;
  if (compareUtf8(origin, start[0]) < 0) return false;
  return next === undefined || compareUtf8(origin, next.start[0]) <= 0;
}

function mayMatch(chunk: ChunkEntry, { shape, minVolume = 1 }: OrthoFilter): boolean {
  if (shape !== undefined && chunk.shapes[shape] === undefined) return false;
  if (minVolume === 1) return true;
  return Object.keys(chunk.shapes).some((name) => volumeOf(name.split("x").map(Number)) >= minVolume);
}
