import type { PhraseIndex } from "./phrase-index.ts";

/**
 * Writes the code of a generation tree (FORMAT.md, "Tree code"): varints, origin words, and cells in their context.
 *
 * A cell is coded as the number of its word among all words that follow the line in the text. Siblings of the index lie
 * side by side in the order of their words, so that number is a difference of nodes, and nothing has to be remembered.
 */
export class TreeWriter {
  bytes: Uint8Array = new Uint8Array(1 << 16);
  /** How much is written. Set it back to take back what was written since. */
  length = 0;
  private readonly first: Int32Array;

  constructor(index: PhraseIndex) {
    this.first = index.first;
  }

  varint(value: number): void {
    if (this.length + 10 > this.bytes.length) this.grow();
    if (value < 128) {
      this.bytes[this.length++] = value;
      return;
    }
    let rest = value;
    while (rest > 127) {
      this.bytes[this.length++] = (rest & 127) | 128;
      rest = rest < 0x80000000 ? rest >>> 7 : Math.floor(rest / 128);
    }
    this.bytes[this.length++] = rest;
  }

  /** A word as it is spelled: its length in bytes, then UTF-8. */
  spell(word: string): void {
    const bytes = new TextEncoder().encode(word);
    this.varint(bytes.length);
    while (this.length + bytes.length > this.bytes.length) this.grow();
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /**
   * A cell in its context, with `bits` flags below its number.
   *
   * @param parent node of the line before the cell
   * @param child node of the line with the cell: the same on an edge of several words, where there is one way to go
   * @returns place of the flags, for `flag`
   */
  cell(parent: number, child: number, bits: number): number {
    const at = this.length;
    const code = parent === child ? 0 : (child - this.first[parent]) << bits;
    if (code < 128 && at < this.bytes.length) {
      this.bytes[at] = code;
      this.length = at + 1;
    } else {
      this.varint(code);
    }
    return at;
  }

  /** Set flags of a cell that was written before. */
  flag(at: number, flags: number): void {
    this.bytes[at] |= flags;
  }

  private grow(): void {
    const wider = new Uint8Array(this.bytes.length * 2);
    wider.set(this.bytes);
    this.bytes = wider;
  }
}
