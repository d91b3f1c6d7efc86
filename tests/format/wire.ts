// Numbers and texts as section 5 of FORMAT.md has them; part of the second reader (reader.ts).

/** Refuse the archive unless `condition` holds. */
export function insist(condition: boolean, complaint: string): asserts condition {
  if (!condition) throw new Error(`damaged archive: ${complaint}`);
}

/** Reads bytes from the front. */
export class Input {
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  get left(): number {
    return this.bytes.length - this.at;
  }

  take(length: number): Uint8Array {
    insist(length <= this.left, "it ends in the middle of something");
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  /** Which of the magics, all of six bytes, stands here. */
  magic(...known: readonly string[]): string {
    const found = Buffer.from(this.take(6)).toString("latin1");
    insist(known.includes(found), `no ${known.join(" or ")}`);
    return found;
  }

  varint(): number {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 49; factor *= 128) {
      const byte = this.take(1)[0];
      value += (byte & 0x7f) * factor;
      insist(value <= Number.MAX_SAFE_INTEGER, "a number that is too large");
      if (byte < 0x80) return value;
    }
    throw new Error("damaged archive: a number that is too long");
  }

  /** A number of entries, of at least one byte each: section 11 wants no more of them than bytes left. */
  count(): number {
    const value = this.varint();
    insist(value <= this.left, "more entries than bytes");
    return value;
  }

  below(limit: number): number {
    const value = this.varint();
    insist(value < limit, "a word number out of range");
    return value;
  }

  text(): string {
    const bytes = this.take(this.varint());
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  }

  dims(): number[] {
    const axes = this.count();
    insist(axes >= 2 && axes <= 64, "too few or too many axes");
    const dims = Array.from({ length: axes }, () => this.varint());
    insist(
      dims.every((length) => length >= 2),
      "an axis shorter than 2",
    );
    return dims;
  }
}
