// A second reader of fold archives, written from FORMAT.md alone. It shares no code with src, and must not: it is here
// to show that the page says enough. Plain rather than fast; it holds the whole archive in memory.
// `bun tests/format/reader.ts ARCHIVE` prints the digest and how many orthos there are of each shape.
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { type Cells, Followers, Learnt } from "./cells.ts";
import { checkManifest, contentOf, type Manifest } from "./manifest.ts";
import { readTree } from "./tree.ts";
import { Input, insist } from "./wire.ts";

export type Shapes = Record<string, number>;

export interface Chunk {
  readonly format: 1 | 2;
  readonly orthos: number;
  readonly minVolume: number;
  readonly shapes: Shapes;
  /** Canonical line of the best ortho. */
  readonly optimal: string;
  readonly start: readonly [string, string, number];
  readonly lines: readonly string[];
}

export interface Interner {
  readonly words: readonly string[];
  readonly sentences: readonly (readonly number[])[];
}

/** What chunks are read with: the text of their archive. */
export interface Text {
  readonly words: readonly string[];
  readonly cells: Cells;
}

export interface Archive {
  /** Every ortho as a canonical line, in the order of the chunks. */
  readonly lines: string[];
  readonly manifest: Manifest;
}

const largest = 2 ** 30;

export function sha256(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Section 2: the digest of a set of orthos. */
export function digest(lines: readonly string[]): string {
  const hash = createHash("sha256");
  const sorted = lines.map((line) => Buffer.from(`${line}\n`)).sort(Buffer.compare);
  for (const line of sorted) hash.update(line);
  return hash.digest("hex");
}

/** How many lines there are of each shape. */
export function countShapes(lines: readonly string[]): Shapes {
  const counts: Shapes = {};
  for (const line of lines) {
    const shape = line.slice(0, line.indexOf("\t"));
    counts[shape] = (counts[shape] ?? 0) + 1;
  }
  return counts;
}

function sameShapes(a: Shapes, b: Shapes): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

/** Compressed and content size of each frame, by fold's tail; undefined when there is no such tail (section 3). */
function readTail(bytes: Buffer): { frames: [number, number][]; tarHash: string } | undefined {
  if (bytes.length < 61 || bytes.readUInt32LE(bytes.length - 4) !== 0x8f92eab1) return undefined;
  const count = bytes.readUInt32LE(bytes.length - 9);
  const start = bytes.length - (61 + 8 * count);
  if (start < 0) return undefined;
  const tail = bytes.subarray(start);
  const expected: readonly [number, number][] = [
    [0, 0x184d2a50],
    [4, 36],
    [8, Buffer.from("fold").readUInt32LE(0)],
    [44, 0x184d2a5e],
    [48, 8 * count + 9],
  ];
  if (expected.some(([offset, value]) => tail.readUInt32LE(offset) !== value)) return undefined;
  if (tail[56 + 8 * count] !== 0) return undefined;
  const frames = Array.from({ length: count }, (_, i): [number, number] => [
    tail.readUInt32LE(52 + 8 * i),
    tail.readUInt32LE(56 + 8 * i),
  ]);
  const last = frames.at(-1);
  const sum = frames.reduce((before, [compressed]) => before + compressed, 0);
  if (last === undefined || last[0] !== 44 || last[1] !== 0 || sum !== start + 44) return undefined;
  return { frames: frames.slice(0, -1), tarHash: tail.subarray(12, 44).toString("hex") };
}

/** The content size that a zstd frame states (RFC 8878, 3.1.1.1); section 3 wants a checksum and no dictionary. */
function statedSize(frame: Buffer): number {
  insist(frame.length >= 13 && frame.readUInt32LE(0) === 0xfd2fb528, "no zstd frame");
  const descriptor = frame[4];
  const singleSegment = (descriptor & 0x20) !== 0;
  insist((descriptor & 0x04) !== 0, "a frame without checksum");
  insist((descriptor & 0x03) === 0, "a frame with a dictionary");
  const at = singleSegment ? 5 : 6;
  const sizeFlag = descriptor >> 6;
  if (sizeFlag === 0) insist(singleSegment, "a frame without content size");
  if (sizeFlag === 0) return frame[at];
  if (sizeFlag === 1) return frame.readUInt16LE(at) + 256;
  if (sizeFlag === 2) return frame.readUInt32LE(at);
  return Number(frame.readBigUInt64LE(at));
}

/** The tar in an archive (section 3), and the content sizes of its frames where fold's tail tells them. */
export function readTar(archive: Uint8Array): { tar: Buffer; frameSizes?: number[] } {
  const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength);
  const tail = readTail(bytes);
  if (tail === undefined) return { tar: Buffer.from(Bun.zstdDecompressSync(bytes)) };
  let offset = 0;
  const contents: Uint8Array[] = [];
  for (const [compressed, size] of tail.frames) {
    const frame = bytes.subarray(offset, offset + compressed);
    insist(size <= largest && statedSize(frame) === size, "a frame whose size is not the table's");
    const content = Bun.zstdDecompressSync(frame);
    insist(content.length === size, "a frame whose content is not of the size it states");
    contents.push(content);
    offset += compressed;
  }
  const tar = Buffer.concat(contents);
  insist(sha256(tar) === tail.tarHash, "the tail's hash of the tar does not fit");
  return { tar, frameSizes: tail.frames.map(([, size]) => size) };
}

/** Section 4: all of a header block follows from name and size. */
function headerOf(name: string, size: number): Buffer {
  const header = Buffer.alloc(512);
  const octal = size.toString(8).padStart(11, "0");
  header.write(name, 0);
  header.write(`0000644\0${"0000000\0".repeat(2)}${octal}\0${"0".repeat(11)}\0        0`, 100);
  header.write("ustar\x0000", 257);
  const sum = header.reduce((before, byte) => before + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}

/** Section 4: the members in their order. */
export function readMembers(tar: Buffer): Map<string, Buffer> {
  const members = new Map<string, Buffer>();
  let offset = 0;
  for (let last = ""; last !== "manifest.json"; ) {
    const header = tar.subarray(offset, offset + 512);
    insist(header.length === 512, "the tar ends early");
    const name = header.toString("latin1", 0, header.indexOf(0));
    const size = Number.parseInt(header.toString("latin1", 124, 135), 8);
    insist(size <= largest, "a member that is too large");
    insist(header.equals(headerOf(name, size)), `a header that is not as section 4 says: ${name}`);
    const chunk = `results/queue_${String(members.size - 1).padStart(8, "0")}.bin`;
    const next = last === "" ? ["interner.bin"] : last === "optimal.txt" ? ["manifest.json"] : [chunk, "optimal.txt"];
    insist(next.includes(name), `a member out of place: ${name}`);
    const end = offset + 512 + size;
    insist(end <= tar.length, "the tar ends early");
    members.set(name, tar.subarray(offset + 512, end));
    offset = Math.ceil(end / 512) * 512;
    insist(
      tar.subarray(end, offset).every((byte) => byte === 0),
      "padding that is not zero",
    );
    last = name;
  }
  const rest = tar.subarray(offset);
  insist(rest.length === 1024 && rest.every((byte) => byte === 0), "a wrong end of the tar");
  return members;
}

/** Section 3: which frame holds what. */
function checkFrames(sizes: readonly number[], members: Map<string, Buffer>): void {
  let padding = 0;
  const expected: number[] = [];
  for (const { length } of members.values()) {
    expected.push(padding + 512, length);
    padding = (512 - (length % 512)) % 512;
  }
  expected.push(padding + 1024);
  insist(sizes.join() === expected.join(), "frame borders that are not the members'");
}

/** Section 6. */
export function readInterner(bytes: Uint8Array): Interner {
  const input = new Input(bytes);
  input.magic("FOLDI1");
  const words = Array.from({ length: input.count() }, () => input.text());
  const encoded = words.map((word) => Buffer.from(word));
  insist(
    encoded.every((word, i) => i === 0 || Buffer.compare(encoded[i - 1], word) < 0),
    "words that do not ascend",
  );
  const sentences = Array.from({ length: input.count() }, () => {
    const length = input.count();
    insist(length >= 1, "an empty sentence");
    return Array.from({ length }, () => input.below(words.length));
  });
  insist(input.left === 0, "bytes behind the interner");
  return { words, sentences };
}

/** The text of an interner, as its chunks speak of it. */
export function textOf({ words, sentences }: Interner): Text {
  return { words, cells: new Followers(sentences) };
}

/** Section 8, and section 13 for chunks of format 1, which bring words of their own. */
export function readChunk(bytes: Uint8Array, text: Text): Chunk {
  const input = new Input(bytes.subarray(0, -4));
  const format = input.magic("FOLDQ2", "FOLDQ1") === "FOLDQ2" ? 2 : 1;
  const checksum = new DataView(bytes.buffer, bytes.byteOffset + bytes.byteLength - 4).getUint32(0, true);
  insist(crc32(bytes.subarray(0, -4)) === checksum, "a wrong CRC");
  const orthos = input.varint();
  insist(orthos >= 1, "a chunk without orthos");
  const minVolume = input.varint();
  const own = format === 1 ? Array.from({ length: input.count() }, () => input.text()) : [];
  insist(new Set(own).size === own.length, "a word that is listed twice");
  const { words, cells } = format === 1 ? { words: own, cells: new Learnt(own.length) } : text;
  const shapes: Shapes = {};
  for (let left = input.count(); left > 0; left--) shapes[input.dims().join("x")] = input.varint();
  const dims = input.dims();
  const size = dims.reduce((product, length) => product * length, 1);
  insist(size <= input.left, "more cells than bytes");
  const spell = format === 1 ? () => own[input.below(own.length)] : () => input.text();
  const best = Array.from({ length: size }, spell);
  const start = [input.text(), input.text(), input.varint()] as const;
  const code = input.take(input.count());
  insist(input.left === 0, "bytes behind the tree code");
  const lines = readTree(code, { format, words, cells, minVolume, limit: orthos });
  insist(lines.length === orthos, "fewer orthos than the head says");
  insist(sameShapes(shapes, countShapes(lines)), "other shapes than the head says");
  return { format, orthos, minVolume, shapes, optimal: `${dims.join("x")}\t${best.join(" ")}`, start, lines };
}

/** Section 7: the manifest, with its hash checked. */
function readManifest(bytes: Buffer): Manifest {
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  const manifest = checkManifest(JSON.parse(text));
  insist(sha256(JSON.stringify(contentOf(manifest))) === manifest.content_sha256, "content_sha256 does not fit");
  return manifest;
}

/** Sections 7 and 8: the chunks against what the manifest says of them. */
function readChunks(manifest: Manifest, members: Map<string, Buffer>, text: Text): string[] {
  const lines: string[] = [];
  const { chunks } = manifest;
  for (const [i, said] of chunks.entries()) {
    const chunk = readChunk(members.get(said.path)!, text);
    insist(chunk.format === manifest.format, `${said.path} is of another format than the manifest`);
    insist(
      chunk.orthos === said.orthos &&
        sameShapes(chunk.shapes, said.shapes) &&
        chunk.start.every((part, k) => part === said.start[k]) &&
        chunk.minVolume === manifest.options.min_volume,
      `the head of ${said.path} is not as the manifest says`,
    );
    const first = Buffer.from(said.start[0]);
    const next = chunks[i + 1] && Buffer.from(chunks[i + 1].start[0]);
    for (const line of chunk.lines) {
      const origin = Buffer.from(line.slice(line.indexOf("\t") + 1, line.indexOf(" ")));
      insist(Buffer.compare(first, origin) <= 0, "an ortho before the start of its chunk");
      insist(next === undefined || Buffer.compare(origin, next) <= 0, "an ortho behind the start of the next chunk");
      lines.push(line);
    }
    insist(chunk.lines.includes(chunk.optimal), "the best ortho of the chunk is not in it");
  }
  insist(lines.length === manifest.orthos, "chunks that do not add up");
  insist(sameShapes(countShapes(lines), manifest.shapes), "shapes that do not add up");
  return lines;
}

/** Every ortho of an archive; throws when anything is not as FORMAT.md says. */
export function readArchive(bytes: Uint8Array): Archive {
  const { tar, frameSizes } = readTar(bytes);
  const members = readMembers(tar);
  if (frameSizes !== undefined) checkFrames(frameSizes, members);
  const manifest = readManifest(members.get("manifest.json")!);
  const said = [manifest.interner, ...manifest.chunks, manifest.optimal_txt];
  insist([...said.map(({ path }) => path), "manifest.json"].join() === [...members.keys()].join(), "other members");
  for (const { path, size, sha256: hash } of said) {
    const member = members.get(path)!;
    insist(member.length === size && sha256(member) === hash, `${path} is not as the manifest says`);
  }
  const interner = readInterner(members.get("interner.bin")!);
  const { words, sentences } = interner;
  insist(words.length === manifest.vocabulary, "another vocabulary than the manifest's");
  insist(sentences.length === manifest.distinct_sentences, "another number of sentences than the manifest's");
  const { optimal } = manifest;
  const best = optimal === null ? "" : `${optimal.dims.join("x")}\t${optimal.words.join(" ")}\n`;
  insist(members.get("optimal.txt")!.toString() === best, "optimal.txt is not the manifest's best ortho");
  return { lines: readChunks(manifest, members, textOf(interner)), manifest };
}

if (import.meta.main) {
  const { lines } = readArchive(await Bun.file(process.argv[2]).bytes());
  console.log(digest(lines));
  for (const [shape, count] of Object.entries(countShapes(lines))) console.log(`${shape}\t${count}`);
}
