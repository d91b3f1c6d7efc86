/** A set of 64-bit hashes in one flat array: ten times lighter than a Set of numbers. */
export class HashSet {
  /** Both halves of a hash side by side; two zeros mark a free slot. */
  private slots: Int32Array;
  private size = 0;

  /** @param expected about how many hashes there will be */
  constructor(expected: number) {
    this.slots = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(16, expected * 2))) * 2);
  }

  /** Add a hash; false when it was there already. */
  add(low: number, high: number): boolean {
    if (this.size * 4 >= this.slots.length) this.grow();
    const { slots } = this;
    const first = low === 0 && high === 0 ? 1 : low;
    const mask = slots.length - 1;
    for (let at = (first * 2) & mask; ; at = (at + 2) & mask) {
      if (slots[at] === first && slots[at + 1] === high) return false;
      if (slots[at] !== 0 || slots[at + 1] !== 0) continue;
      slots[at] = first;
      slots[at + 1] = high;
      this.size++;
      return true;
    }
  }

  private grow(): void {
    const { slots } = this;
    this.slots = new Int32Array(slots.length * 2);
    this.size = 0;
    for (let at = 0; at < slots.length; at += 2) {
      if (slots[at] !== 0 || slots[at + 1] !== 0) this.add(slots[at], slots[at + 1]);
    }
  }
}
