import { type Chunk, type ChunkText, visitOrthos } from "../archive/chunk.ts";
import { volumeOf } from "../core/shapes.ts";
import type { ExportFlags } from "./archive-definitions.ts";
import { openNamed } from "./archive-files.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import { LineBuffer } from "./line-buffer.ts";

/** Thrown to leave a walk through a chunk when the limit is reached. */
const ENOUGH = Symbol("enough");

/** `fold export ARCHIVE`: chunk by chunk, in constant memory; chunks that by their heads hold no match are not read. */
export async function execute({ parameters, flags }: CommandArguments<ExportFlags>, io: CommandIo): Promise<number> {
  const { output } = io;
  const archive = await openNamed(parameters[0], flags, io);
  const lines = new LineBuffer(flags.format, (bytes) => output.writeNow(bytes));
  try {
    const filter = {
      minVolume: flags.minVolume,
      ...(flags.shape === null ? {} : { shape: flags.shape }),
      ...(flags.origin === null ? {} : { origin: flags.origin }),
    };
    const text = await archive.text();
    if (flags.limit === 0) return 0;
    let listed: readonly string[] | null = null;
    for await (const [entry, chunk] of archive.chunks(filter)) {
      const words = text.wordsOf(chunk);
      const wanted = flags.containing.map((word) => words.indexOf(word));
      const origin = flags.origin === null ? null : words.indexOf(flags.origin);
      if (wanted.includes(-1) || origin === -1) continue;
      if (words !== listed) lines.setWords(words);
      listed = words;
      exportChunk(chunk, entry.path, text, { containing: wanted, origin }, flags, lines);
    }
  } catch (error) {
    if (error !== ENOUGH) throw error;
  } finally {
    archive.close();
  }
  lines.flush();
  return 0;
}

/** Write the lines of a chunk's orthos that match. */
function exportChunk(
  chunk: Chunk,
  name: string,
  text: ChunkText,
  { containing, origin }: { containing: readonly number[]; origin: number | null },
  { shape, minVolume, limit }: ExportFlags,
  lines: LineBuffer,
): void {
  const most = limit ?? Infinity;
  // A chunk's reader gives equal dims as one and the same array, so most orthos ask nothing new.
  const verdicts = new Map<readonly number[], boolean>();
  let dims: readonly number[] = [];
  let isWanted = false;
  visitOrthos(chunk, name, text, (newDims, words, cells) => {
    if (newDims !== dims) {
      dims = newDims;
      isWanted = verdicts.get(dims) ?? ((shape === null || dims.join("x") === shape) && volumeOf(dims) >= minVolume);
      verdicts.set(dims, isWanted);
    }
    if (!isWanted || (origin !== null && words[0] !== origin)) return;
    for (let i = 0; i < containing.length; i++) if (!holds(words, cells, containing[i])) return;
    lines.add(dims, words, cells);
    if (lines.count === most) throw ENOUGH;
  });
}

function holds(words: Int32Array, cells: number, word: number): boolean {
  for (let i = 0; i < cells; i++) if (words[i] === word) return true;
  return false;
}
