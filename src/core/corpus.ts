import { compareNumbers, compareUtf8 } from "./compare.ts";
import { eachSentence } from "./text.ts";

/**
 * The set of distinct sentences of a text or a union of texts: all that fold knows of it.
 *
 * Word ids are positions in `words`; sentences are sorted by their words. Both orders follow the UTF-8 bytes,
 * so equal sets give equal corpora however they were put together.
 */
export interface Corpus {
  /** Distinct words, sorted by their UTF-8 bytes. */
  readonly words: readonly string[];
  /** Word ids of all distinct sentences, one sentence after the other. */
  readonly tokens: Int32Array;
  /** Where each sentence starts in `tokens`; one more entry than sentences. */
  readonly starts: Int32Array;
}

/** How much a text holds, repeats included. */
export interface TextCounts {
  sentences: number;
  tokens: number;
}

/** Collects the sentences of texts and corpora into one corpus. */
export class CorpusBuilder {
  readonly counts: TextCounts = { sentences: 0, tokens: 0 };
  private readonly ids = new Map<string, number>();
  private readonly sentences = new Map<string, Int32Array>();

  /** How many distinct sentences there are so far. */
  get size(): number {
    return this.sentences.size;
  }

  /** Add every sentence of a decoded text. */
  addText(text: string): this {
    eachSentence(text, (words) => this.addSentence(words));
    return this;
  }

  /** Add every sentence of another corpus: the union. */
  addCorpus(corpus: Corpus): this {
    for (let i = 0; i + 1 < corpus.starts.length; i++) {
      const ids = corpus.tokens.subarray(corpus.starts[i], corpus.starts[i + 1]);
      this.addSentence(Array.from(ids, (id) => corpus.words[id]));
    }
    return this;
  }

  /** Add one sentence; an empty one adds nothing. */
  addSentence(words: readonly string[]): void {
    if (words.length === 0) return;
    this.counts.sentences++;
    this.counts.tokens += words.length;
    const key = words.join(" ");
    if (this.sentences.has(key)) return;
    const ids = new Int32Array(words.length);
    for (let i = 0; i < words.length; i++) ids[i] = this.idOf(words[i]);
    this.sentences.set(key, ids);
  }

  /** The corpus of everything added so far. */
  build(): Corpus {
    const words = [...this.ids.keys()].sort(compareUtf8);
    const rank = new Int32Array(words.length);
    words.forEach((word, position) => {
      rank[this.ids.get(word)!] = position;
    });
    const sentences = [...this.sentences.values()].map((ids) => ids.map((id) => rank[id]));
    return { words, ...concatenate(sentences.sort(compareNumbers)) };
  }

  private idOf(word: string): number {
    let id = this.ids.get(word);
    if (id === undefined) {
      id = this.ids.size;
      this.ids.set(word, id);
    }
    return id;
  }
}

function concatenate(sentences: Int32Array[]): { tokens: Int32Array; starts: Int32Array } {
  const starts = new Int32Array(sentences.length + 1);
  for (let i = 0; i < sentences.length; i++) starts[i + 1] = starts[i] + sentences[i].length;
  const tokens = new Int32Array(starts[sentences.length]);
  for (let i = 0; i < sentences.length; i++) tokens.set(sentences[i], starts[i]);
  return { tokens, starts };
}

/** The corpus of one decoded text, with the counts of what was read. */
export function corpusOfText(text: string): { corpus: Corpus; counts: TextCounts } {
  const builder = new CorpusBuilder().addText(text);
  return { corpus: builder.build(), counts: builder.counts };
}
