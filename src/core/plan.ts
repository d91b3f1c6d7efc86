import type { PhraseIndex } from "./phrase-index.ts";
import { sectionWeights } from "./section-weights.ts";

/**
 * A piece of the walk that one thread does in one go: the sections (a, b) with nodes `from .. to - 1`.
 *
 * Nodes of two words are numbered in the order of their words, so a task is a range of words, too.
 */
export interface Task {
  readonly from: number;
  readonly to: number;
  /** Estimated work, in about the time of one ortho. */
  readonly weight: number;
}

/** Aim of a task's weight: a tenth of a second or less, and chunks of some hundred kilobytes. */
const TASK_WEIGHT = 300_000;
/** More dimensions make more of the same squares; how much more nobody knows before the walk. */
const TASK_WEIGHT_MANY_DIMS = 10_000;

/**
 * Cut the whole walk into tasks, from the text alone.
 *
 * Borders are decided word by word: after an origin word stands a border if the hash of the word falls below its
 * weight's share of a task; an origin word that outweighs a task is cut likewise between the words next to it. So the
 * number of borders follows the weight, every machine cuts alike, and a border moves only where the text around it
 * changed.
 *
 * @param words the vocabulary, for the hashes
 */
export function planTasks(index: PhraseIndex, words: readonly string[], maxDims: number): Task[] {
  const aim = maxDims > 2 ? TASK_WEIGHT_MANY_DIMS : TASK_WEIGHT;
  const weights = sectionWeights(index);
  const tasks: Task[] = [];
  let from = index.vocabulary;
  let weight = 0;
  const cut = (to: number) => {
    if (weight > 0) tasks.push({ from, to, weight });
    from = to;
    weight = 0;
  };
  for (let a = 0; a < index.vocabulary; a++) {
    const low = index.first[a];
    const high = index.first[a + 1];
    let origin = 0;
    for (let ab = low; ab < high; ab++) origin += weights[ab - index.vocabulary];
    const isHeavy = origin >= aim;
    if (isHeavy) cut(low);
    for (let ab = low; ab < high; ab++) {
      const section = weights[ab - index.vocabulary];
      weight += section;
      if (isHeavy && fallsBelow(`${words[a]} ${words[index.word[ab]]}`, section / aim)) cut(ab + 1);
    }
    if (isHeavy || fallsBelow(words[a], origin / aim)) cut(high);
  }
  cut(index.first[index.vocabulary]);
  return tasks;
}

/**
 * Deal the tasks to `count` shards of nearly equal weight: heaviest task first, each to the lightest shard so far.
 *
 * @returns the numbers of the tasks of shard `shard` (1 .. count), ascending
 */
export function tasksOfShard(tasks: readonly Task[], shard: number, count: number): number[] {
  const byWeight = tasks.map((_, number) => number).sort((a, b) => tasks[b].weight - tasks[a].weight || a - b);
  const loads = new Float64Array(count);
  const mine: number[] = [];
  for (const number of byWeight) {
    let lightest = 0;
    for (let i = 1; i < count; i++) if (loads[i] < loads[lightest]) lightest = i;
    loads[lightest] += tasks[number].weight;
    if (lightest === shard - 1) mine.push(number);
  }
  return mine.sort((a, b) => a - b);
}

/** True for a share of all texts that grows with `share`: the hash of a text decides, FNV-1a with a final mix. */
function fallsBelow(text: string, share: number): boolean {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash ^= hash >>> 13;
  return (hash >>> 0) / 2 ** 32 < share;
}
