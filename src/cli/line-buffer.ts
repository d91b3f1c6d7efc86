import { volumeOf } from "../core/shapes.ts";

/** Lines are written out in blocks of about so many bytes. */
const BLOCK_BYTES = 1 << 18;
const LINE_FEED = 10;

/**
 * Builds the lines of orthos as bytes: canonical ones, or JSON objects.
 *
 * Every word is encoded once a chunk, with the separator behind it; a line is copied together from those pieces.
 */
export class LineBuffer {
  /** Lines so far. */
  count = 0;
  private bytes = new Uint8Array(BLOCK_BYTES * 2);
  private view = new DataView(this.bytes.buffer);
  private filled = 0;
  private readonly starts = new Map<readonly number[], Uint8Array>();
  private pieces: Uint8Array = new Uint8Array(0);
  private offsets = new Int32Array(1);
  /** The first eight bytes of each piece, as two numbers: most words are no longer, and two stores copy them. */
  private low = new Int32Array(0);
  private high = new Int32Array(0);
  private longest = 0;

  constructor(
    private readonly format: "lines" | "jsonl",
    private readonly write: (bytes: Uint8Array) => void,
  ) {}

  /** The words that the numbers of the following orthos mean. */
  setWords(words: readonly string[]): void {
    const encoder = new TextEncoder();
    const pieces = words.map((word) =>
      encoder.encode(this.format === "lines" ? `${word} ` : `${JSON.stringify(word)},`),
    );
    this.offsets = new Int32Array(words.length + 1);
    for (let i = 0; i < words.length; i++) this.offsets[i + 1] = this.offsets[i] + pieces[i].length;
    // No spread: a large vocabulary is more than a call can have arguments.
    this.longest = pieces.reduce((most, piece) => Math.max(most, piece.length), 0);
    this.pieces = new Uint8Array(this.offsets[words.length] + 8);
    for (let i = 0; i < words.length; i++) this.pieces.set(pieces[i], this.offsets[i]);
    const view = new DataView(this.pieces.buffer);
    this.low = Int32Array.from(words, (_, i) => view.getInt32(this.offsets[i], true));
    this.high = Int32Array.from(words, (_, i) => view.getInt32(this.offsets[i] + 4, true));
    this.starts.clear();
  }

  /** Add the line of one ortho. */
  add(dims: readonly number[], words: Int32Array, cells: number): void {
    const start = this.starts.get(dims) ?? this.startOf(dims);
    if (this.filled + start.length + cells * this.longest + 8 > this.bytes.length) this.makeRoom(start, words, cells);
    const { bytes, view, pieces, offsets, low, high } = this;
    let at = this.filled;
    for (let i = 0; i < start.length; i++) bytes[at++] = start[i];
    for (let cell = 0; cell < cells; cell++) {
      const word = words[cell];
      const from = offsets[word];
      const size = offsets[word + 1] - from;
      view.setInt32(at, low[word], true);
      view.setInt32(at + 4, high[word], true);
      for (let i = 8; i < size; i++) bytes[at + i] = pieces[from + i];
      at += size;
    }
    // The separator behind the last word gives way to the end of the line.
    at--;
    if (this.format === "jsonl") {
      bytes[at++] = 0x5d;
      bytes[at++] = 0x7d;
    }
    bytes[at++] = LINE_FEED;
    this.filled = at;
    this.count++;
    if (at >= BLOCK_BYTES) this.flush();
  }

  /** Write what is left. */
  flush(): void {
    if (this.filled > 0) this.write(this.bytes.subarray(0, this.filled));
    this.filled = 0;
  }

  private startOf(dims: readonly number[]): Uint8Array {
    const text =
      this.format === "lines"
        ? `${dims.join("x")}\t`
        : `{"dims":[${dims.join(",")}],"volume":${volumeOf(dims)},"words":[`;
    const start = new TextEncoder().encode(text);
    this.starts.set(dims, start);
    return start;
  }

  /** Room for one line, measured: by the longest of all words, one odd word would make every line a giant. */
  private makeRoom(start: Uint8Array, words: Int32Array, cells: number): void {
    let more = start.length + 8;
    for (let cell = 0; cell < cells; cell++) more += this.offsets[words[cell] + 1] - this.offsets[words[cell]];
    if (this.filled + more <= this.bytes.length) return;
    this.flush();
    if (more > this.bytes.length) this.grow(more * 2);
  }

  private grow(size_bytes: number): void {
    this.bytes = new Uint8Array(size_bytes);
    this.view = new DataView(this.bytes.buffer);
  }
}
