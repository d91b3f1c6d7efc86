/**
 * "Does word b ever follow word a, and which node is that phrase?", asked hundreds of millions of times a fold.
 *
 * Every word has a lot of its own in both tables, so that questions about one first word stay within a few cache
 * lines. A filter of sixteen to thirty-two bits a bigram answers most questions whose answer is no; the rest goes
 * to a hash table with open addressing, which needs to tell only second words apart.
 */
export interface BigramTable {
  /** For each word two numbers: where its lot starts in the filter, and the bits of the lot less one. */
  readonly lots: Int32Array;
  /** One bit set for every bigram, by the hash of its second word. */
  readonly filter: Int32Array;
  /** Nodes of bigrams by the hash of the second word, -1 for an empty slot: four for each 32 bits of the filter. */
  readonly slots: Int32Array;
}

/** The nodes of a phrase tree, as far as they tell which two words a node of two words is: see phrase-tree.ts. */
interface Nodes {
  readonly first: Int32Array;
  readonly word: Int32Array;
}

const FILTER_BITS = 16;

/** A table of all phrases of two words. */
export function createBigramTable(vocabulary: number, { first, word }: Nodes): BigramTable {
  const lots = new Int32Array(new SharedArrayBuffer(vocabulary * 8));
  let size = 0;
  for (let a = 0; a < vocabulary; a++) {
    const bits = 2 ** Math.ceil(Math.log2(Math.max(2, (first[a + 1] - first[a]) * FILTER_BITS)));
    lots[2 * a] = size;
    lots[2 * a + 1] = Math.max(32, bits) - 1;
    size += Math.max(32, bits) / 32;
  }
  const filter = new Int32Array(new SharedArrayBuffer(size * 4));
  const slots = new Int32Array(new SharedArrayBuffer(size * 16)).fill(-1);
  for (let a = 0; a < vocabulary; a++) {
    for (let node = first[a]; node < first[a + 1]; node++)
      add(filter, slots, lots[2 * a], lots[2 * a + 1], word[node], node);
  }
  return { lots, filter, slots };
}

function hash(b: number): number {
  const mixed = Math.imul(b, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}

function add(filter: Int32Array, slots: Int32Array, lot: number, mask: number, b: number, node: number): void {
  const mixed = hash(b);
  filter[lot + ((mixed & mask) >>> 5)] |= 1 << mixed;
  const slotMask = mask >>> 3;
  let slot = mixed & slotMask;
  while (slots[lot * 4 + slot] >= 0) slot = (slot + 1) & slotMask;
  slots[lot * 4 + slot] = node;
}

/** The node of the phrase `a b`, or -1 when no sentence holds it. */
export function findBigram({ lots, filter, slots }: BigramTable, word: Int32Array, a: number, b: number): number {
  const lot = lots[2 * a];
  const mask = lots[2 * a + 1];
  const mixed = hash(b);
  if ((filter[lot + ((mixed & mask) >>> 5)] & (1 << mixed)) === 0) return -1;
  const slotMask = mask >>> 3;
  for (let slot = mixed & slotMask; ; slot = (slot + 1) & slotMask) {
    const node = slots[lot * 4 + slot];
    if (node < 0 || word[node] === b) return node;
  }
}

/**
 * Keep of the `count` words from place `from` on those that may follow `a`, by the filter alone: one short loop
 * without branches.
 *
 * @param kept receives the places of those words in `words`
 * @returns how many they are
 */
export function filterFollowers(
  table: BigramTable,
  a: number,
  words: Int32Array,
  from: number,
  count: number,
  kept: Int32Array,
): number {
  const { lots, filter } = table;
  const lot = lots[2 * a];
  const mask = lots[2 * a + 1];
  let size = 0;
  for (let i = from; i < from + count; i++) {
    const mixed = hash(words[i]);
    kept[size] = i;
    size += (filter[lot + ((mixed & mask) >>> 5)] >>> mixed) & 1;
  }
  return size;
}

/**
 * Copy those of the words `from .. to - 1` that may follow `a`, by the filter alone, to `kept` from place `at` on;
 * `kept` may be `words` itself.
 *
 * @returns the place after the last
 */
export function keepFollowers(
  table: BigramTable,
  a: number,
  words: Int32Array,
  from: number,
  to: number,
  kept: Int32Array,
  at: number,
): number {
  const { lots, filter } = table;
  const lot = lots[2 * a];
  const mask = lots[2 * a + 1];
  let end = at;
  for (let i = from; i < to; i++) {
    const mixed = hash(words[i]);
    kept[end] = words[i];
    end += (filter[lot + ((mixed & mask) >>> 5)] >>> mixed) & 1;
  }
  return end;
}
