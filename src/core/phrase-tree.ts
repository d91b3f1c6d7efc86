import type { SuffixOrder } from "./suffix-order.ts";

/** A suffix tree under construction: nodes in no particular order, node 0 is the root. */
interface Draft {
  size: number;
  readonly depth: Int32Array;
  /** Place in the suffix order of the first suffix below. */
  readonly low: Int32Array;
  readonly parent: Int32Array;
}

/**
 * The suffix tree of all sentences: every phrase is a path from the root, and a path without a choice is one edge.
 *
 * Nodes are numbered level by level, the children of a node side by side and sorted by word, so node numbers
 * need no list of children: those of `n` are `first[n] .. first[n + 1] - 1`. The root itself has no number; its
 * children, the words, have their word ids as numbers. All phrases of one, two and three words have a node of
 * their own, so the walk meets an edge of several words only beyond.
 */
export interface PhraseTree {
  /** First child of each node; one more entry than nodes. */
  readonly first: Int32Array;
  /** The first word on the edge to each node. */
  readonly word: Int32Array;
  /** Words from the root to the end of each node's edge. */
  readonly depth: Int32Array;
  /** A place in the tokens where the phrase of each node starts. */
  readonly place: Int32Array;
}

/** Phrases of so many words have nodes of their own. */
export const DEPTH_WITHOUT_LONG_EDGES = 3;

/** Build the tree from sorted suffixes: at most five nodes a token. */
export function buildPhraseTree(tokens: Int32Array, suffixes: SuffixOrder): PhraseTree {
  return numberByLevel(draftTree(suffixes), tokens, suffixes.start);
}

/** One pass over the suffixes, keeping the path to the last of them on a stack. */
function draftTree({ start, shared, room }: SuffixOrder): Draft {
  // A leaf and a fork for each suffix, and the nodes between that short phrases need.
  const most = start.length * (2 + DEPTH_WITHOUT_LONG_EDGES) + 1;
  const draft = { size: 1, depth: new Int32Array(most), low: new Int32Array(most), parent: new Int32Array(most) };
  draft.parent[0] = -1;
  const path = new Int32Array(start.length + 2);
  let top = 0;
  for (let i = 0; i < start.length; i++) {
    top = closeDownTo(draft, path, top, shared[i]);
    const length = room[start[i]];
    if (length > draft.depth[path[top]]) path[++top] = addNode(draft, length, i);
  }
  closeDownTo(draft, path, top, 0);
  return draft;
}

/** Take nodes deeper than `wanted` off the path and hang them below their parents; returns the new top. */
function closeDownTo(draft: Draft, path: Int32Array, from: number, wanted: number): number {
  const { depth, low } = draft;
  let top = from;
  while (depth[path[top]] > wanted) {
    const closed = path[top--];
    if (depth[path[top]] < wanted) path[++top] = addNode(draft, wanted, low[closed]);
    link(draft, closed, path[top]);
  }
  return top;
}

function addNode(draft: Draft, depth: number, low: number): number {
  draft.depth[draft.size] = depth;
  draft.low[draft.size] = low;
  draft.parent[draft.size] = -1;
  return draft.size++;
}

/** Hang a node below its parent, with the nodes between that short phrases need. */
function link(draft: Draft, node: number, parent: number): void {
  let above = parent;
  const end = Math.min(DEPTH_WITHOUT_LONG_EDGES, draft.depth[node] - 1);
  for (let depth = draft.depth[parent] + 1; depth <= end; depth++) {
    const between = addNode(draft, depth, draft.low[node]);
    draft.parent[between] = above;
    above = between;
  }
  draft.parent[node] = above;
}

function numberByLevel(draft: Draft, tokens: Int32Array, start: Int32Array): PhraseTree {
  const count = draft.size;
  const children = childrenInOrder(draft, start.length);
  const queue = new Int32Array(count);
  const tree = {
    first: new Int32Array(count),
    word: new Int32Array(count - 1),
    depth: new Int32Array(count - 1),
    place: new Int32Array(count - 1),
  };
  let filled = 1;
  for (let head = 0; head < count; head++) {
    const node = queue[head];
    // The root leaves the queue first, so that numbers are places in the queue less one.
    if (head > 0) tree.first[head - 1] = filled - 1;
    for (let i = children.from[node]; i < children.from[node + 1]; i++) {
      const child = children.list[i];
      const place = start[draft.low[child]];
      tree.word[filled - 1] = tokens[place + draft.depth[node]];
      tree.depth[filled - 1] = draft.depth[child];
      tree.place[filled - 1] = place;
      queue[filled++] = child;
    }
  }
  tree.first[count - 1] = count - 1;
  return tree;
}

/** The children of every draft node, sorted by word: that is, by their first suffix. */
function childrenInOrder({ low, parent, size }: Draft, suffixes: number) {
  const byLow = new Int32Array(size);
  const place = new Int32Array(suffixes + 1);
  for (let node = 0; node < size; node++) place[low[node] + 1]++;
  for (let i = 1; i <= suffixes; i++) place[i] += place[i - 1];
  for (let node = 0; node < size; node++) byLow[place[low[node]]++] = node;

  const from = new Int32Array(size + 2);
  for (let node = 1; node < size; node++) from[parent[node] + 2]++;
  for (let node = 2; node < from.length; node++) from[node] += from[node - 1];
  const list = new Int32Array(size);
  for (let i = 0; i < size; i++) {
    const node = byLow[i];
    if (node > 0) list[from[parent[node] + 1]++] = node;
  }
  return { from, list };
}
