import { dirname } from "node:path";
import { type Cut, cutText, type Piece } from "../core/cut.ts";
import { FoldError } from "../errors.ts";
import { findTexts } from "../jobs/find-texts.ts";
import { holdsNoWords, readDecoded, type TextPlace } from "../jobs/read-texts.ts";
import type { StorageConfig } from "../storage/create-storage.ts";
import { layoutOf } from "../storage/local/layout.ts";
import { pieceFiles, type Staged, stageTexts } from "../storage/local/staging.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import { eachText } from "./each-text.ts";
import type { StageFlags } from "./job-definitions.ts";
import { storageConfig } from "./job-storage.ts";
import { lineTest } from "./line-pattern.ts";
import { formatCount, formatCounted, formatTable } from "./text.ts";

/** So much of a piece is shown to tell it by. */
const OPENING_CHARACTERS = 40;
/** A folder of more files is of no use to anybody. */
const MAX_PIECES = 100_000;

/** A text as it is to be staged. */
interface Plan {
  readonly name: string;
  readonly text: string;
  readonly cut: Cut;
  /** The path of each piece. */
  readonly files: readonly string[];
}

/** What `fold stage --json` prints for a text. */
export interface StageReport {
  readonly text: string;
  readonly status: "staged" | "already_staged" | "dry_run";
  readonly words: number;
  readonly pieces: readonly { readonly file: string; readonly words: number }[];
  /** Pieces that no worker has taken yet; null for a dry run. */
  readonly waiting: number | null;
  /** Pieces that were left out since they hold no word. */
  readonly left_out: number;
  /** Pieces beyond the limits: single sentences, and pieces that no neighbour could take. */
  readonly too_large: number;
  readonly too_small: number;
}

/** `fold stage FILE...`: cut texts into inputs of the state directory. */
export async function execute({ parameters, flags }: CommandArguments<StageFlags>, io: CommandIo): Promise<number> {
  if (flags.minWords > flags.maxWords) {
    throw new FoldError("usage", "--min-words is more than --max-words", "give a smaller minimum or a larger maximum");
  }
  const places = findTexts(parameters, { what: "input", wayOut: "rename one of them" });
  const input = inputFolder(storageConfig(flags, io));
  // A name that no worker would see is refused before anything is staged.
  for (const { name, trouble } of places) if (trouble === undefined) pieceFiles(input, name, 0);
  await eachText(places, (place) => stage(place, input, flags, io), "staged", io);
  return 0;
}

async function stage(place: TextPlace, input: string, flags: StageFlags, io: CommandIo): Promise<void> {
  const plan = await planOf(place, flags, input, io.signal);
  const { name, text, cut } = plan;
  if (cut.lines === 0) io.output.warn(nothingFound(plan, flags));
  if (!flags.quiet) for (const note of notes(plan, flags)) io.output.note(note);
  const texts = cut.pieces.map(({ start, end }) => text.slice(start, end));
  const staged = flags.dryRun ? null : await stageTexts(input, name, texts, { force: flags.force, signal: io.signal });
  if (staged !== null && staged.takenBefore > 0 && !flags.quiet) {
    io.output.note(`${name}: workers have taken ${formatCounted(staged.takenBefore, "piece")} of what was replaced`);
  }
  if (flags.json) io.output.json(reportOf(plan, staged));
  else if (staged === null) for (const line of listing(plan)) io.output.line(line);
  else if (!flags.quiet) io.output.line(summary(plan, staged));
}

/** Where a backend keeps the texts that wait; each new one has to say. */
function inputFolder(config: StorageConfig): string {
  switch (config.backend) {
    case "local":
      return layoutOf(config.stateDir).input;
    case "cloud":
    case "spaces":
      throw new FoldError(
        "usage",
        "pieces are staged in a state directory, not in the cloud",
        "`fold submit FILE... --shards N` lets a fleet share one text",
      );
  }
}

async function planOf(place: TextPlace, flags: StageFlags, input: string, signal: AbortSignal): Promise<Plan> {
  const text = await readDecoded(place, signal);
  const by = flags.by instanceof RegExp ? lineTest(flags.by) : flags.by;
  const cut = cutText(text, { ...flags, by });
  const count = cut.pieces.length;
  if (count === 0) throw holdsNoWords(place);
  if (count > MAX_PIECES) {
    const what = `${place.name} would become ${formatCount(count)} inputs, more than ${formatCount(MAX_PIECES)}`;
    throw new FoldError("usage", what, "--min-words 1000 joins small pieces");
  }
  return { name: place.name, text, cut, files: pieceFiles(input, place.name, count) };
}

function nothingFound({ name }: Plan, { by }: StageFlags): string {
  const what = by instanceof RegExp ? `no line matches ${by.source}` : "no chapter was found";
  return `${name}: ${what}, so no piece starts there; --by paragraph --min-words 5000 cuts texts without headings`;
}

/** What a user would not expect of the pieces. */
function notes({ name, cut }: Plan, { minWords, maxWords }: StageFlags): string[] {
  const { leftOut, moved, tooLarge, tooSmall } = cut;
  const said = [
    [leftOut, `left out ${formatCounted(leftOut, "piece")} without words`],
    [moved, `${formatCounted(moved, "line")} inside a sentence: the piece starts where the sentence does`],
    [tooLarge, `${formatCounted(tooLarge, "sentence")} of more than ${formatCount(maxWords)} words: not cut`],
    [
      tooSmall,
      `${formatCounted(tooSmall, "piece")} of fewer than ${formatCount(minWords)} words: no neighbour had room`,
    ],
  ] as const;
  return said.filter(([count]) => count > 0).map(([, text]) => `${name}: ${text}`);
}

function reportOf({ name, cut, files }: Plan, staged: Staged | null): StageReport {
  return {
    text: name,
    status: staged === null ? "dry_run" : staged.isNew ? "staged" : "already_staged",
    words: wordsOf(cut.pieces),
    pieces: cut.pieces.map(({ words }, i) => ({ file: files[i], words })),
    waiting: staged?.waiting ?? null,
    left_out: cut.leftOut,
    too_large: cut.tooLarge,
    too_small: cut.tooSmall,
  };
}

function wordsOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { words }) => sum + words, 0);
}

/** Each piece with its words and how it begins. */
function listing({ text, cut, files }: Plan): string[] {
  const opening = ({ start, end }: Piece) => {
    const plain = text.slice(start, Math.min(end, start + 4 * OPENING_CHARACTERS)).replace(/[\s\p{Cc}]+/gu, " ");
    return plain.trim().slice(0, OPENING_CHARACTERS);
  };
  return formatTable(
    cut.pieces.map((piece, i) => [files[i], formatCounted(piece.words, "word"), opening(piece)]),
    "lrl",
  );
}

function summary({ name, cut, files }: Plan, { isNew, waiting }: Staged): string {
  const inputs = formatCounted(cut.pieces.length, "input");
  const folder = dirname(files[0]);
  if (!isNew) return `${name}: already staged, nothing to do: ${inputs} in ${folder}, ${formatCount(waiting)} waiting`;
  return `${name}: ${inputs}, ${formatCounted(wordsOf(cut.pieces), "word")}, ${folder}`;
}
