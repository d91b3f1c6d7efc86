import { FoldError } from "../errors.ts";

/** Collects bytes: numbers as varints (seven bits a byte, low bits first), texts with their length in front. */
export class ByteWriter {
  private bytes: Uint8Array;
  private length = 0;

  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity);
  }

  varint(value: number): void {
    let rest = value;
    this.reserve(10);
    while (rest > 127) {
      this.bytes[this.length++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.bytes[this.length++] = rest;
  }

  raw(part: Uint8Array): void {
    this.reserve(part.length);
    this.bytes.set(part, this.length);
    this.length += part.length;
  }

  text(text: string): void {
    if (text.length > 127 || !this.asciiText(text)) {
      const encoded = new TextEncoder().encode(text);
      this.varint(encoded.length);
      this.raw(encoded);
    }
  }

  /** Most words are short and plain; a million of them in the chunks of a book should not cost a million encoders. */
  private asciiText(text: string): boolean {
    this.reserve(text.length + 1);
    const { bytes, length } = this;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 127) return false;
      bytes[length + 1 + i] = unit;
    }
    bytes[length] = text.length;
    this.length += text.length + 1;
    return true;
  }

  /** Four bytes, low byte first. */
  uint32(value: number): void {
    this.reserve(4);
    for (let shift = 0; shift < 32; shift += 8) this.bytes[this.length++] = (value >>> shift) & 255;
  }

  /** A view of all bytes so far. */
  finish(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  private reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const wider = new Uint8Array((this.length + more) * 2);
    wider.set(this.bytes.subarray(0, this.length));
    this.bytes = wider;
  }
}

/** Reads what ByteWriter wrote; throws FoldError `corrupt` naming `what` where it makes no sense. */
export class ByteReader {
  private at = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly what: string,
  ) {}

  get left(): number {
    return this.bytes.length - this.at;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      if (this.left === 0) throw this.corrupt("ends too early");
      const byte = this.bytes[this.at++];
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 128;
    }
    throw this.corrupt("holds a number that is too large");
  }

  /** A number of things that take at least one byte each: never more than there are bytes. */
  count(): number {
    const count = this.varint();
    if (count > this.left) throw this.corrupt(`promises ${count} entries in ${this.left} bytes`);
    return count;
  }

  /** A number below `limit`. */
  below(limit: number): number {
    const value = this.varint();
    if (value >= limit) throw this.corrupt(`holds ${value} where less than ${limit} is due`);
    return value;
  }

  raw(length: number): Uint8Array {
    if (length > this.left) throw this.corrupt("ends too early");
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  text(): string {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.raw(this.count()));
    } catch (cause) {
      if (cause instanceof FoldError) throw cause;
      throw this.corrupt("holds a word that is not UTF-8");
    }
  }

  uint32(): number {
    const [a, b, c, d] = this.raw(4);
    return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
  }

  corrupt(problem: string): FoldError {
    return new FoldError(
      "corrupt",
      `${this.what} ${problem}`,
      "the file is damaged; get another copy, or fold the text again",
    );
  }
}
