/** What one pair of rows remembers while its children are walked. */
export interface PairLevel {
  /** Nodes of the two rows and their last words. */
  upper: number;
  lower: number;
  e: number;
  f: number;
  /** Node of the phrase of these two. */
  column: number;
  /** Continuations of the lower row still to try, and of the upper row for the one being tried. */
  lowerAt: number;
  lowerEnd: number;
  upperAt: number;
  upperEnd: number;
  /** The continuation of the lower row being tried: its node and word. */
  next: number;
  nextWord: number;
  /** Third rows below this pair, -1 where they were not needed so far. */
  rows: number;
  /** Places in the code, -1 for none: this pair's kind, the last group of its list, the last member of that group. */
  kindAt: number;
  groupAt: number;
  memberAt: number;
  /** Where nothing is kept of this pair: what to go back to; a length of the code, -1 where it is kept. */
  orthos: number;
  mark: number;
  parentGroupAt: number;
  parentMemberAt: number;
}

function newLevel(): PairLevel {
  return {
    upper: 0,
    lower: 0,
    e: 0,
    f: 0,
    column: 0,
    lowerAt: 0,
    lowerEnd: 0,
    upperAt: 0,
    upperEnd: 0,
    next: 0,
    nextWord: 0,
    rows: 0,
    kindAt: -1,
    groupAt: -1,
    memberAt: -1,
    orthos: 0,
    mark: -1,
    parentGroupAt: -1,
    parentMemberAt: -1,
  };
}

/** The pair of rows being grown, word by word: a level for each pair on the way. */
export class PairStack {
  origin = 0;
  /** Second word of the upper row, and the word below the origin. */
  second = 0;
  third = 0;
  /** The square's second word comes before its third: only then may the axes be of equal length. */
  isOrdered = false;
  /** Level m belongs to the pair of m words; there is none below 2. */
  readonly levels: PairLevel[] = [];

  /** The level of the pairs of m words, made when first asked for. */
  level(m: number): PairLevel {
    const level = this.levels[m];
    if (level !== undefined) return level;
    while (this.levels.length <= m) this.levels.push(newLevel());
    return this.levels[m];
  }

  /** The words of the pair of m words, row by row. */
  words(m: number): number[] {
    const { levels } = this;
    const words = [this.origin, this.second];
    for (let i = 3; i <= m; i++) words.push(levels[i].e);
    words.push(this.third, levels[2].f);
    for (let i = 3; i <= m; i++) words.push(levels[i].f);
    return words;
  }
}
