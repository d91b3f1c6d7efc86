import { BoxReader, type OrthoVisitor } from "./box-reader.ts";
import { BoxShape } from "./box-shape.ts";
import { CodeInput, type Context, corruptCode, type Lexicon, withoutFlags } from "./code-input.ts";
import { AXES, END, HAS_KIND, KIND_BITS, LAST, LONGER, LOWER_BITS, SECTION, SLICES, UPPER_BITS } from "./tree-code.ts";

export interface TreeReaderOptions {
  readonly lexicon: Lexicon;
  /** Orthos of less volume are only on the way to others and are not visited. */
  readonly minVolume: number;
  readonly visit: OrthoVisitor;
}

/** All wedges from the origin that end in one word: the middle words. */
interface Gathering {
  readonly end: number;
  readonly middles: readonly number[];
}

/** A gathering that lists a word, and which of its middles that is. */
interface Listed {
  readonly gathering: Gathering;
  readonly place: number;
}

/** The records of a section, one at a time. */
class Records {
  /** END behind the last. */
  record = END;
  /** The square that the record belongs to, Infinity for none. */
  at = 0;
  /** Where the section ends; not known before the last record. */
  until = Infinity;

  constructor(
    private readonly input: CodeInput,
    from: number,
  ) {
    this.next(from);
  }

  /** Read the next record; it says how many squares it passes over, of those from number `from` on. */
  next(from: number): void {
    const { input } = this;
    this.record = input.varint();
    this.at = this.record === END ? Infinity : from + withoutFlags(this.record, KIND_BITS);
    if (this.record !== END) return;
    this.until = input.varint();
    if (this.until < from) throw corruptCode("ends a section before its start");
  }
}

/** A pair of rows whose list of longer pairs is being read. */
interface Pair {
  readonly upper: Context;
  readonly lower: Context;
  readonly kind: number;
  isListRead: boolean;
  inGroup: boolean;
  isLastGroup: boolean;
  nextWord: number;
}

/**
 * Read a chunk's tree code (FORMAT.md, "Tree code") and visit every ortho in it.
 *
 * @throws FoldError `corrupt` when the code is not well-formed; memory is bounded by the length of the code
 */
export function readTree(code: Uint8Array, options: TreeReaderOptions): void {
  try {
    new TreeReader(new CodeInput(code, options.lexicon), options).read();
  } catch (error) {
    // Boxes are read by recursion, a slice a level: honest code stays far from the end of the stack.
    if (error instanceof RangeError) throw corruptCode("nests boxes beyond all measure");
    throw error;
  }
}

class TreeReader {
  private readonly boxes: BoxReader;
  private readonly shapes: BoxShape[] = [];
  /** Words of the two rows of the pair being read. */
  private readonly upperRow: number[] = [];
  private readonly lowerRow: number[] = [];

  constructor(
    private readonly input: CodeInput,
    private readonly options: TreeReaderOptions,
  ) {
    this.boxes = new BoxReader(input, options.minVolume, options.visit);
  }

  read(): void {
    while (this.input.left > 0) this.originBlock();
  }

  private originBlock(): void {
    const { input } = this;
    const origin = input.origin();
    const byMiddle = new Map<number, Listed[]>();
    for (let size = input.varint(); size !== END; size = input.varint()) {
      if (size > input.left) throw corruptCode("has a gathering of an impossible size");
      list(byMiddle, this.gathering(origin, size));
    }
    for (let next = input.varint(); next !== END; next = input.varint()) {
      if (next !== SECTION) throw corruptCode("has neither a section nor its end");
      this.section(origin, byMiddle);
    }
  }

  private gathering(origin: number, size: number): Gathering {
    const { input } = this;
    const first = input.isFirstFormat ? input.word() : -1;
    const middles: number[] = [];
    for (let i = 0; i < size; i++) middles.push(input.cell(input.after(origin), input.varint()));
    const end = first >= 0 ? first : input.cell(input.after(middles[0]), input.varint());
    return { end, middles };
  }

  /** The squares of one section, each with what grew from it. */
  private section(origin: number, byMiddle: Map<number, Listed[]>): void {
    const { input } = this;
    const second = input.cell(input.after(origin), input.varint());
    const from = input.varint();
    const records = new Records(input, from);
    let total = 0;
    for (const listed of byMiddle.get(second) ?? []) {
      this.squares(origin, second, listed, total, from, records);
      total += listed.gathering.middles.length - 1;
    }
    // Every section is there once: whoever repeats it finds no squares any more.
    byMiddle.delete(second);
    if (records.record !== END || records.until > total) {
      throw corruptCode("counts other squares than its gatherings hold");
    }
  }

  /** The squares of one gathering, which are numbered from `first`. */
  private squares(
    origin: number,
    second: number,
    { gathering: { end, middles }, place }: Listed,
    first: number,
    from: number,
    records: Records,
  ): void {
    const firstOrdered = first + place;
    const last = first + middles.length - 1;
    for (let square = Math.max(first, from); square < last && square < records.until; ) {
      const isRecord = square === records.at;
      // Not ordered, and nothing below: many sections may have very many of them, so they are not looked at one by one.
      if (square < firstOrdered && !isRecord) {
        square = Math.min(firstOrdered, records.at);
        continue;
      }
      this.beginSquare(origin, second, middles[square - first + (square < firstOrdered ? 0 : 1)], end);
      if (square >= firstOrdered) this.visitPair();
      square++;
      if (!isRecord) continue;
      this.descend(records.record);
      records.next(square);
    }
  }

  private beginSquare(origin: number, second: number, third: number, end: number): void {
    this.upperRow.length = 0;
    this.lowerRow.length = 0;
    this.upperRow.push(origin, second);
    this.lowerRow.push(third, end);
  }

  private visitPair(): void {
    const n = this.upperRow.length;
    if (n - 1 < this.options.minVolume) return;
    this.loadPair();
    this.options.visit(this.shape(n).canonicalDims, this.boxes.words, 2 * n);
  }

  private loadPair(): void {
    const n = this.upperRow.length;
    this.boxes.reserve(2 * n);
    const { words } = this.boxes;
    for (let i = 0; i < n; i++) {
      words[i] = this.upperRow[i];
      words[n + i] = this.lowerRow[i];
    }
  }

  private shape(n: number): BoxShape {
    this.shapes[n] ??= new BoxShape([n, 2]);
    return this.shapes[n];
  }

  /** All below a square: its record, then its longer pairs depth first on a stack of their own. */
  private descend(record: number): void {
    const { input, upperRow, lowerRow } = this;
    const kind = record % 2 ** KIND_BITS;
    const upper = input.after(upperRow[0]).with(upperRow[1]);
    const lower = input.after(lowerRow[0]).with(lowerRow[1]);
    const pairs: Pair[] = [newPair(upper, lower, kind)];
    while (pairs.length > 0) {
      const pair = pairs[pairs.length - 1];
      if (pair.isListRead) {
        this.readBoxes(pair);
        pairs.pop();
        upperRow.pop();
        lowerRow.pop();
      } else {
        const longer = this.longerPair(pair);
        if (longer !== null) pairs.push(longer);
      }
    }
  }

  /** The next pair of one word more; returns it when it has children of its own. */
  private longerPair(pair: Pair): Pair | null {
    const { input } = this;
    if (!pair.inGroup) {
      const group = input.varint();
      pair.nextWord = input.cell(pair.lower, withoutFlags(group, LOWER_BITS));
      pair.isLastGroup = (group & LAST) !== 0;
      pair.inGroup = true;
    }
    const member = input.varint();
    const word = input.cell(pair.upper, withoutFlags(member, UPPER_BITS));
    if (member & LAST) {
      pair.inGroup = false;
      pair.isListRead = pair.isLastGroup;
    }
    this.upperRow.push(word);
    this.lowerRow.push(pair.nextWord);
    this.visitPair();
    if (member & HAS_KIND) return newPair(pair.upper.with(word), pair.lower.with(pair.nextWord), input.varint());
    this.upperRow.pop();
    this.lowerRow.pop();
    return null;
  }

  private readBoxes(pair: Pair): void {
    const lists = pair.kind & (SLICES | AXES);
    if (lists === 0) return;
    this.loadPair();
    const left = this.input.after(this.upperRow[0]).with(this.lowerRow[0]);
    this.boxes.pair(this.shape(this.upperRow.length), lists, left);
  }
}

/** Enter a gathering under each of its middles. */
function list(byMiddle: Map<number, Listed[]>, gathering: Gathering): void {
  for (const [place, middle] of gathering.middles.entries()) {
    const listed = byMiddle.get(middle);
    if (listed === undefined) byMiddle.set(middle, [{ gathering, place }]);
    else if (listed[listed.length - 1].gathering !== gathering) listed.push({ gathering, place });
    else throw corruptCode("has a gathering that lists a word twice");
  }
}

function newPair(upper: Context, lower: Context, kind: number): Pair {
  const isKnown = kind > 0 && kind <= (LONGER | SLICES | AXES);
  if (!isKnown) throw corruptCode("has a pair of an unknown kind");
  return {
    upper,
    lower,
    kind,
    isListRead: (kind & LONGER) === 0,
    inGroup: false,
    isLastGroup: false,
    nextWord: 0,
  };
}
