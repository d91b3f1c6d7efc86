// What the walk is measured against: the plain recursive walk over the same phrase index, on one core.
//   bun scripts/bench/plain-walk.ts FILE
// Typed arrays, children by binary search, new cells from the product of two lists of continuations: no wedges, no lists
// by word, no third rows carried along. Prints its own time, that of fold's walk right after it, and the ratio.
import { corpusOfText } from "../../src/core/corpus.ts";
import { PairWalk } from "../../src/core/pair-walk.ts";
import { PhraseIndex } from "../../src/core/phrase-index.ts";
import { Tally } from "../../src/core/tally.ts";
import { decodeText } from "../../src/core/text.ts";

const [file] = Bun.argv.slice(2);
if (file === undefined) {
  console.error("usage: bun scripts/bench/plain-walk.ts FILE");
  process.exit(2);
}

/** Longest row that the plain walk has room for. */
const MAX_ROW = 64;

/** All orthos of two dimensions, counted one by one; typed arrays, and nothing allocated on the way. */
class PlainWalk {
  orthos = 0;
  private isOrdered = false;
  /** Nodes of the columns of each height, and the words of all cells, row by row. */
  private readonly columns = new Int32Array(MAX_ROW * MAX_ROW);
  private readonly words = new Int32Array(MAX_ROW * MAX_ROW);

  constructor(private readonly index: PhraseIndex) {}

  run(): void {
    const { first, word, vocabulary } = this.index;
    for (let a = 0; a < vocabulary; a++) {
      for (let ab = first[a]; ab < first[a + 1]; ab++) {
        for (let ac = first[a]; ac < first[a + 1]; ac++) {
          if (ab !== ac) this.squares(ab, ac, word[ab], word[ac]);
        }
      }
    }
  }

  private squares(ab: number, ac: number, b: number, c: number): void {
    const { index, words, columns } = this;
    const { first, word } = index;
    this.isOrdered = b < c;
    for (let bd = first[b]; bd < first[b + 1]; bd++) {
      const cd = index.find(first[c], first[c + 1], word[bd]);
      if (cd < 0) continue;
      if (b < c) this.orthos++;
      words[1] = b;
      words[MAX_ROW] = c;
      words[MAX_ROW + 1] = word[bd];
      columns[0] = ac;
      columns[1] = bd;
      this.longer(ab, cd, 2);
    }
  }

  /** Pairs of rows one word longer: every continuation of one row against every continuation of the other. */
  private longer(above: number, below: number, n: number): void {
    const { index, words } = this;
    const { first } = index;
    const aboveEnd = this.end(above, n);
    const belowEnd = this.end(below, n);
    for (let upper = this.begin(above, n); upper < aboveEnd; upper++) {
      const e = this.wordAt(upper, n);
      if (e === words[MAX_ROW + n - 1]) continue;
      for (let lower = this.begin(below, n); lower < belowEnd; lower++) {
        const f = this.wordAt(lower, n);
        const column = index.find(first[e], first[e + 1], f);
        if (column < 0) continue;
        this.orthos++;
        words[n] = e;
        words[MAX_ROW + n] = f;
        this.columns[n] = column;
        this.taller(n + 1, 3);
        this.longer(upper, lower, n + 1);
      }
    }
  }

  /** One row more below, cell by cell. */
  private taller(n: number, height: number): void {
    if (height > n || (height === n && !this.isOrdered)) return;
    const from = (height - 3) * MAX_ROW;
    for (let i = 0; i < n; i++) if (this.index.continuations(this.columns[from + i], height - 1) === 0) return;
    this.cells(n, height, 0, -1);
  }

  private cells(n: number, height: number, at: number, row: number): void {
    if (at === n) {
      this.orthos++;
      this.taller(n, height + 1);
      return;
    }
    const column = this.columns[(height - 3) * MAX_ROW + at];
    const end = this.end(column, height - 1);
    for (let next = this.begin(column, height - 1); next < end; next++) {
      const word = this.wordAt(next, height - 1);
      const node = at === 0 ? word : this.index.step(row, at, word);
      if (node < 0 || this.isInShell(n, height, at, word)) continue;
      this.words[(height - 1) * MAX_ROW + at] = word;
      this.columns[(height - 2) * MAX_ROW + at] = next;
      this.cells(n, height, at + 1, node);
    }
  }

  /** A cell of the same distance from the origin, in a row above, holds the word. */
  private isInShell(n: number, height: number, at: number, word: number): boolean {
    for (let row = height - 2, column = at + 1; row >= 0 && column < n; row--, column++) {
      if (this.words[row * MAX_ROW + column] === word) return true;
    }
    return false;
  }

  private begin(node: number, length: number): number {
    return this.index.depth[node] > length ? node : this.index.first[node];
  }

  private end(node: number, length: number): number {
    return this.index.depth[node] > length ? node + 1 : this.index.first[node + 1];
  }

  private wordAt(node: number, length: number): number {
    return this.index.tokens[this.index.place[node] + length];
  }
}

const { corpus } = corpusOfText(decodeText(await Bun.file(file).bytes(), file));
const index = PhraseIndex.build(corpus);
const plain = new PlainWalk(index);
const plain_ms = time(() => plain.run());
const tally = new Tally(1);
const walk = new PairWalk(index, 2, tally, null, () => {});
const walk_ms = time(() => {
  for (let a = 0; a < index.vocabulary; a++) {
    walk.begin(a);
    for (let ab = index.first[a]; ab < index.first[a + 1]; ab++) walk.section(ab, 0, 0);
  }
});
if (plain.orthos !== tally.orthos) throw new Error(`${plain.orthos} orthos against ${tally.orthos}`);
console.log(
  JSON.stringify({
    orthos: plain.orthos,
    plain_ms,
    plain_per_second: Math.round((plain.orthos / plain_ms) * 1000),
    walk_ms,
    walk_per_second: Math.round((tally.orthos / walk_ms) * 1000),
    ratio: Number((plain_ms / walk_ms).toFixed(2)),
  }),
);

function time(body: () => void): number {
  const started = performance.now();
  body();
  return Math.round(performance.now() - started);
}
