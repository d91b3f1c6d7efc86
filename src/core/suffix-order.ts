/** The suffixes of all sentences in lexicographic order, with what neighbours share. */
export interface SuffixOrder {
  /** Start of each suffix in the tokens. */
  readonly start: Int32Array;
  /** Words that a suffix shares with the one before it; 0 for the first. */
  readonly shared: Int32Array;
  /** Words from each token to the end of its sentence, itself included. */
  readonly room: Int32Array;
}

/**
 * Sort all suffixes of all sentences: prefix doubling with counting sort, then Kasai's scan.
 *
 * Time O(n log r) for n tokens and a longest repeat of r words, memory O(n): a sentence of 200,000 words costs
 * no more than many short ones. A suffix ends with its sentence and sorts before whatever continues it.
 *
 * @param tokens word ids of all sentences
 * @param starts where each sentence starts, with the end as last entry
 * @param vocabulary number of distinct words
 */
export function sortSuffixes(tokens: Int32Array, starts: Int32Array, vocabulary: number): SuffixOrder {
  const room = roomToTheEnd(tokens.length, starts);
  const { order, rank } = double(tokens, room, vocabulary);
  return { start: order, shared: sharedWithPrevious(tokens, room, order, rank), room };
}

function roomToTheEnd(length: number, starts: Int32Array): Int32Array {
  const room = new Int32Array(length);
  for (let sentence = 0; sentence + 1 < starts.length; sentence++) {
    const end = starts[sentence + 1];
    for (let i = starts[sentence]; i < end; i++) room[i] = end - i;
  }
  return room;
}

/** Ranks by the first `width` words, `width` doubling until no two ranks are equal or no suffix is long enough. */
function double(tokens: Int32Array, room: Int32Array, vocabulary: number) {
  const n = tokens.length;
  let rank: Int32Array = Int32Array.from(tokens, (token) => token + 1);
  let next: Int32Array = new Int32Array(n);
  const order: Int32Array = new Int32Array(n);
  const bySecond: Int32Array = new Int32Array(n);
  const count = new Int32Array(Math.max(n, vocabulary) + 2);
  let ranks = vocabulary;
  for (let i = 0; i < n; i++) bySecond[i] = i;
  countingSort(bySecond, rank, ranks, count, order);
  ranks = renumber(order, rank, next, room, 0);
  [rank, next] = [next, rank];
  for (let width = 1; ranks < n; width *= 2) {
    // Suffixes of at most `width` words have an empty second half: they come first.
    let filled = 0;
    for (let i = 0; i < n; i++) if (room[i] <= width) bySecond[filled++] = i;
    if (filled === n) break;
    for (let i = 0; i < n; i++) {
      const first = order[i] - width;
      if (first >= 0 && room[first] > width) bySecond[filled++] = first;
    }
    countingSort(bySecond, rank, ranks, count, order);
    const before = ranks;
    ranks = renumber(order, rank, next, room, width);
    [rank, next] = [next, rank];
    // No class of equal prefixes fell apart, so none ever will: what is equal now is equal to the end.
    if (ranks === before) break;
  }
  return { order, rank: positions(order) };
}

/** Stable sort of `items` by `key` (1..keys) into `sorted`. */
function countingSort(items: Int32Array, key: Int32Array, keys: number, count: Int32Array, sorted: Int32Array): void {
  count.fill(0, 0, keys + 2);
  for (let i = 0; i < items.length; i++) count[key[items[i]] + 1]++;
  for (let k = 1; k <= keys + 1; k++) count[k] += count[k - 1];
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    sorted[count[key[item]]++] = item;
  }
}

/** Give suffixes that agree in rank and in the rank `width` words on the same new rank, from 1; returns how many. */
function renumber(order: Int32Array, rank: Int32Array, next: Int32Array, room: Int32Array, width: number): number {
  let ranks = 0;
  let previousFirst = -1;
  let previousSecond = -1;
  for (let i = 0; i < order.length; i++) {
    const suffix = order[i];
    const first = rank[suffix];
    const second = width > 0 && room[suffix] > width ? rank[suffix + width] : 0;
    if (first !== previousFirst || second !== previousSecond) ranks++;
    next[suffix] = ranks;
    previousFirst = first;
    previousSecond = second;
  }
  return ranks;
}

function positions(order: Int32Array): Int32Array {
  const position = new Int32Array(order.length);
  for (let i = 0; i < order.length; i++) position[order[i]] = i;
  return position;
}

/** Kasai, Lee, Arimura, Arikawa and Park 2001: dropping a suffix's first word costs at most one shared word. */
function sharedWithPrevious(tokens: Int32Array, room: Int32Array, order: Int32Array, rank: Int32Array): Int32Array {
  const shared = new Int32Array(order.length);
  let length = 0;
  for (let i = 0; i < order.length; i++) {
    if (i > 0 && room[i] !== room[i - 1] - 1) length = 0;
    const position = rank[i];
    if (position === 0) {
      length = 0;
      continue;
    }
    const before = order[position - 1];
    const most = Math.min(room[i], room[before]);
    while (length < most && tokens[i + length] === tokens[before + length]) length++;
    shared[position] = length;
    if (length > 0) length--;
  }
  return shared;
}
