import type { PhraseIndex } from "./phrase-index.ts";

/**
 * Estimate the work of every section (a, b), from counts of phrases of one to three words.
 *
 * A section has as many squares as its wedges meet others. A square's lower row c d, continued by f, has a pair for
 * each continuation e of a b that f may follow; how likely that is, is taken from how many of all phrases of three
 * words end in a word that may follow e. Cost: two visits to each wedge of the text, no ortho is listed.
 *
 * @returns weight by node of the phrase `a b`, less the vocabulary; 0 where a section is empty
 */
export function sectionWeights(index: PhraseIndex): Float64Array {
  const { first, word, vocabulary } = index;
  const end = first[vocabulary];
  const weights = new Float64Array(end - vocabulary);
  const chance = chanceBelow(index);
  const wedges = new Int32Array(vocabulary);
  const lookups = new Float64Array(vocabulary);
  for (let a = 0; a < vocabulary; a++) {
    for (let ab = first[a]; ab < first[a + 1]; ab++) {
      const b = word[ab];
      for (let bd = first[b]; bd < first[b + 1]; bd++) {
        wedges[word[bd]]++;
        lookups[word[bd]] += first[bd + 1] - first[bd];
      }
    }
    for (let ab = first[a]; ab < first[a + 1]; ab++) {
      const b = word[ab];
      let squares = 0;
      let below = 0;
      for (let bd = first[b]; bd < first[b + 1]; bd++) {
        squares += wedges[word[bd]] - 1;
        below += lookups[word[bd]] - (first[bd + 1] - first[bd]);
      }
      if (squares > 0) weights[ab - vocabulary] = weigh(squares, below, chance, first, word, ab);
    }
    for (let ab = first[a]; ab < first[a + 1]; ab++) {
      const b = word[ab];
      for (let bd = first[b]; bd < first[b + 1]; bd++) {
        wedges[word[bd]] = 0;
        lookups[word[bd]] = 0;
      }
    }
  }
  return weights;
}

function weigh(
  squares: number,
  below: number,
  chance: Float64Array,
  first: Int32Array,
  word: Int32Array,
  ab: number,
): number {
  let fits = 0;
  for (let upper = first[ab]; upper < first[ab + 1]; upper++) fits += chance[word[upper]];
  return Math.ceil(squares / 4 + below / 8 + below * fits);
}

/** By word e: the share of all phrases of three words whose last word may follow e. */
function chanceBelow({ first, word, vocabulary }: PhraseIndex): Float64Array {
  const endings = new Float64Array(vocabulary);
  const end = first[vocabulary];
  for (let bigram = vocabulary; bigram < end; bigram++) {
    for (let node = first[bigram]; node < first[bigram + 1]; node++) endings[word[node]]++;
  }
  const trigrams = Math.max(1, first[end] - end);
  const chance = new Float64Array(vocabulary);
  for (let e = 0; e < vocabulary; e++) {
    for (let node = first[e]; node < first[e + 1]; node++) chance[e] += endings[word[node]];
    chance[e] /= trigrams;
  }
  return chance;
}
