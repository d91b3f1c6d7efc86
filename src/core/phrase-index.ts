import { type BigramTable, createBigramTable, findBigram } from "./bigram-table.ts";
import type { Corpus } from "./corpus.ts";
import { buildPhraseTree, type PhraseTree } from "./phrase-tree.ts";
import { sortSuffixes } from "./suffix-order.ts";

/** The typed arrays of a phrase index, all in shared memory: what a thread is given to work with. */
export interface PhraseIndexArrays extends BigramTable {
  readonly vocabulary: number;
  readonly tokens: Int32Array;
  readonly first: Int32Array;
  readonly word: Int32Array;
  readonly depth: Int32Array;
  readonly place: Int32Array;
  readonly follow: Int32Array;
}

/** In `follow`: no word follows. Any other negative number is this one and a signature. */
export const NO_FOLLOWER = -(2 ** 31);

/**
 * All phrases of a corpus, in memory linear in its words.
 *
 * A phrase is a node of the phrase tree (see phrase-tree.ts) and its number of words: on an edge of several
 * words the node stays the same while the phrase grows. The node of a single word is the word's id.
 */
export class PhraseIndex {
  readonly vocabulary: number;
  readonly tokens: Int32Array;
  readonly first: Int32Array;
  readonly word: Int32Array;
  readonly depth: Int32Array;
  readonly place: Int32Array;
  /**
   * What follows the shortest phrase of each node: the only word that does; or NO_FOLLOWER, plus the signature of
   * the words where they are more. One number, as the walk asks it of nodes that are far apart in memory.
   */
  readonly follow: Int32Array;
  readonly filter: Int32Array;
  readonly slots: Int32Array;
  readonly lots: Int32Array;

  /** Build the index of a corpus. */
  static build(corpus: Corpus): PhraseIndex {
    const vocabulary = corpus.words.length;
    const suffixes = sortSuffixes(corpus.tokens, corpus.starts, vocabulary);
    const tree = buildPhraseTree(corpus.tokens, suffixes);
    return new PhraseIndex({
      vocabulary,
      tokens: share(corpus.tokens),
      first: share(tree.first),
      word: share(tree.word),
      depth: share(tree.depth),
      place: share(tree.place),
      follow: describeFollowers(corpus.tokens, vocabulary, tree),
      ...createBigramTable(vocabulary, tree),
    });
  }

  constructor(readonly arrays: PhraseIndexArrays) {
    this.vocabulary = arrays.vocabulary;
    this.tokens = arrays.tokens;
    this.first = arrays.first;
    this.word = arrays.word;
    this.depth = arrays.depth;
    this.place = arrays.place;
    this.follow = arrays.follow;
    this.filter = arrays.filter;
    this.slots = arrays.slots;
    this.lots = arrays.lots;
  }

  /** The node of the phrase `a b`, or -1 when no sentence holds it. */
  bigram(a: number, b: number): number {
    return findBigram(this, this.word, a, b);
  }

  /** How many different words follow the phrase of `length` words at `node`. */
  continuations(node: number, length: number): number {
    return this.depth[node] > length ? 1 : this.first[node + 1] - this.first[node];
  }

  /** The node of the phrase at `node`, of `length` words, followed by `next`; -1 when no sentence holds it. */
  step(node: number, length: number, next: number): number {
    if (this.depth[node] > length) return this.tokens[this.place[node] + length] === next ? node : -1;
    if (length === 1) return this.bigram(node, next);
    return this.find(this.first[node], this.first[node + 1], next);
  }

  /** Binary search for a word among sibling nodes `low .. high - 1`; -1 when it is not there. */
  find(low: number, high: number, wanted: number): number {
    const { word } = this;
    let left = low;
    let right = high;
    while (left < right) {
      const middle = (left + right) >>> 1;
      if (word[middle] < wanted) left = middle + 1;
      else right = middle;
    }
    return left < high && word[left] === wanted ? left : -1;
  }
}

function share(array: Int32Array): Int32Array {
  const shared = new Int32Array(new SharedArrayBuffer(array.byteLength));
  shared.set(array);
  return shared;
}

/** The signature of a set of one word: sets of words as sets of 31 bits, so that disjoint bits mean disjoint words. */
export function signatureOf(word: number): number {
  return 1 << (((Math.imul(word, 0x9e3779b1) >>> 16) * 31) >>> 16);
}

/** The signature of the words that follow, from a number of `follow`. */
export function signatureIn(follow: number): number {
  return follow >= 0 ? signatureOf(follow) : follow & 0x7fffffff;
}

/** What follows the shortest phrase of each node. */
function describeFollowers(tokens: Int32Array, vocabulary: number, tree: PhraseTree): Int32Array {
  const { first, word, depth, place } = tree;
  const nodes = word.length;
  const follow = new Int32Array(new SharedArrayBuffer(nodes * 4)).fill(NO_FOLLOWER);
  const describe = (node: number, length: number) => {
    const low = first[node];
    const high = first[node + 1];
    if (depth[node] > length) follow[node] = tokens[place[node] + length];
    else if (high - low === 1) follow[node] = word[low];
    else for (let child = low; child < high; child++) follow[node] |= signatureOf(word[child]);
  };
  for (let node = 0; node < vocabulary; node++) describe(node, 1);
  for (let node = 0; node < nodes; node++) {
    for (let child = first[node]; child < first[node + 1]; child++) describe(child, depth[node] + 1);
  }
  return follow;
}
