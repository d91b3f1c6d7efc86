// Folding a text into an archive, and reading all of the archive back.
import { INTERNER, OPTIMAL } from "../../src/archive/manifest.ts";
import { Archive } from "../../src/archive/reader.ts";
import { corpusOfText } from "../../src/core/corpus.ts";
import { FoldError } from "../../src/errors.ts";
import { type FoldOutcome, type FoldRequest, foldCorpus } from "../../src/jobs/fold-corpus.ts";
import { linesOfChunk } from "./walks.ts";

/** A request to fold a text: two dimensions, all volumes, no shard, two threads, no archive, unless said otherwise. */
function requestOf(text: string, changes: Partial<FoldRequest> = {}): FoldRequest {
  const { corpus, counts } = corpusOfText(text);
  return {
    corpus,
    name: "book",
    lineage: '"book"',
    sources: [{ name: "book", ...counts }],
    options: { max_dims: 2, min_volume: 1, shard: null },
    threads: 2,
    archive: null,
    fresh: false,
    ...changes,
  };
}

/** Folds a text. */
export function foldText(text: string, changes: Partial<FoldRequest> = {}): Promise<FoldOutcome> {
  return foldCorpus(requestOf(text, changes));
}

/** Everything that a reader can get out of an archive. */
export interface ArchiveContent {
  readonly lines: readonly string[];
  readonly sentences: number;
  readonly optimalTxt: string;
  readonly content_sha256: string;
}

/** Reads an archive to its end: sentences, every ortho in the order of the chunks, the optimal one. */
export async function readArchive(path: string): Promise<ArchiveContent> {
  const archive = await Archive.open(path);
  try {
    const { starts } = await archive.corpus();
    const lines: string[] = [];
    const text = await archive.text();
    for await (const [, chunk] of archive.chunks()) for (const line of linesOfChunk(chunk, text)) lines.push(line);
    let optimalTxt = "";
    for await (const [, bytes] of archive.members([archive.manifest.optimal_txt]))
      optimalTxt = Buffer.from(bytes).toString();
    return { lines, sentences: starts.length - 1, optimalTxt, content_sha256: archive.manifest.content_sha256 };
  } finally {
    archive.close();
  }
}

/** The FoldError of something that must fail; whatever else comes out fails the test. */
export async function foldErrorOf(work: () => unknown): Promise<FoldError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof FoldError) return error;
    throw new Error("failed with something that is no FoldError", { cause: error });
  }
  throw new Error("did not fail");
}

/** The fixed names of members, in the order in which an archive with `chunks` result chunks holds them. */
export function memberNames(chunks: number): string[] {
  const results = Array.from({ length: chunks }, (_, i) => `results/queue_${String(i).padStart(8, "0")}.bin`);
  return [INTERNER, ...results, OPTIMAL, "manifest.json"];
}
