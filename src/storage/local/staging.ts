import { createHash } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { FoldError, fromSystemError } from "../../errors.ts";
import { isMissing, makeFolder, move, readIfThere, remove, writeNew, writeWhole } from "./files.ts";

/**
 * The pieces of a staged text are a folder of input/: `book/0001.txt`, `book/0002.txt`, and a record of what was staged.
 *
 * The folder is filled under a name that claims pass over, and then renamed: a worker sees all pieces or none. Claims
 * take the pieces away and leave the record, so that the same text is not staged and folded a second time.
 */
interface StagedRecord {
  readonly pieces: number;
  /** Of the pieces, each with its length before it. */
  readonly sha256: string;
}

/** What staging a text did. */
export interface Staged {
  /** False when the same pieces were staged before: nothing was done. */
  readonly isNew: boolean;
  /** Pieces that no worker has taken yet. */
  readonly waiting: number;
  /** Pieces of what was replaced that workers had taken before. */
  readonly takenBefore: number;
}

export interface StageOptions {
  /** Replace the pieces that an earlier staging has left under the name. */
  readonly force: boolean;
  readonly signal: AbortSignal;
}

/** What is in the folder of a text. */
interface Earlier {
  readonly record: StagedRecord | null;
  /** Pieces, sorted. */
  readonly pieces: readonly string[];
  /** What staging has not put there. */
  readonly others: readonly string[];
}

const RECORD = ".staged.json";
const ASIDE = ".stage-";
/** What a killed process has left beside the inputs goes after so long. */
const LEFTOVER_MS = 3_600_000;
const LEAST_DIGITS = 4;
/** Signals are heard between so many pieces. */
const PIECES_A_TURN = 64;

/**
 * The paths of the pieces of a text.
 *
 * @throws FoldError `usage` for a name that no worker would see
 */
export function pieceFiles(input: string, name: string, count: number): string[] {
  if (name.startsWith(".")) {
    throw new FoldError("usage", `"${name}" begins with a dot: no worker would see its pieces`, "rename the text");
  }
  return Array.from({ length: count }, (_, i) => join(input, name, fileOf(i, count)));
}

function fileOf(index: number, count: number): string {
  return `${String(index + 1).padStart(Math.max(LEAST_DIGITS, String(count).length), "0")}.txt`;
}

/**
 * Put the pieces of a text into the inputs, all at once.
 *
 * @param input the folder of the inputs
 * @throws FoldError `usage` when there is something else under the name, `interrupted`, or what keeps it from writing
 */
export async function stageTexts(
  input: string,
  name: string,
  texts: readonly string[],
  { force, signal }: StageOptions,
): Promise<Staged> {
  const place = join(input, name);
  const record: StagedRecord = { pieces: texts.length, sha256: digestOf(texts) };
  const earlier = readEarlier(place);
  if (isSame(place, earlier, record, texts)) return alreadyStaged(place);
  checkPlace(place, name, earlier, force);
  makeFolder(input);
  removeLeftovers(input);
  const aside = join(input, `${ASIDE}${crypto.randomUUID()}`);
  try {
    await fill(aside, texts, record, signal);
    exchange(aside, place, earlier === null ? null : `${aside}-old`);
  } catch (error) {
    // Somebody else who stages the same text was faster.
    if (earlier === null && isSame(place, readEarlier(place), record, texts)) return alreadyStaged(place);
    throw error;
  } finally {
    remove(aside);
  }
  const takenBefore = (earlier?.record?.pieces ?? 0) - (earlier?.pieces.length ?? 0);
  return { isNew: true, waiting: texts.length, takenBefore };
}

function alreadyStaged(place: string): Staged {
  return { isNew: false, waiting: readEarlier(place)?.pieces.length ?? 0, takenBefore: 0 };
}

function digestOf(texts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const text of texts) hash.update(`${text.length}\n`).update(text);
  return hash.digest("hex");
}

/** What is under the name of a text; null when there is nothing. */
function readEarlier(place: string): Earlier | null {
  let names: string[];
  try {
    names = readdirSync(place).sort();
  } catch (error) {
    if (isMissing(error)) return null;
    throw fromSystemError(error, "list the folder", place);
  }
  if (names.length === 0) return null;
  const pieces = names.filter((name) => /^\d{4,}\.txt$/.test(name));
  const others = names.filter((name) => name !== RECORD && !pieces.includes(name));
  return { record: parseRecord(readIfThere(join(place, RECORD))), pieces, others };
}

function parseRecord(text: string | null): StagedRecord | null {
  try {
    return text === null ? null : (JSON.parse(text) as StagedRecord | null);
  } catch {
    return null;
  }
}

/** Whether the same pieces were staged, and those that still wait are as they were. */
function isSame(place: string, earlier: Earlier | null, { sha256 }: StagedRecord, texts: readonly string[]): boolean {
  if (earlier?.record?.sha256 !== sha256) return false;
  return earlier.pieces.every((file) => {
    const piece = readIfThere(join(place, file));
    // Gone since it was listed: a worker has taken it.
    return piece === null || piece === texts[Number.parseInt(file, 10) - 1];
  });
}

function checkPlace(place: string, name: string, earlier: Earlier | null, force: boolean): void {
  if (earlier === null) return;
  const foreign = earlier.record === null ? earlier.pieces[0] : earlier.others[0];
  if (foreign !== undefined) {
    throw new FoldError(
      "usage",
      `${join(place, foreign)} is there already, and \`fold stage\` has not put it there`,
      "move it away, or rename the text that you stage",
    );
  }
  if (force) return;
  throw new FoldError(
    "usage",
    `other pieces are staged as "${name}" in ${place}: from another text, cut in another way, or changed since`,
    "--force replaces those that no worker has taken yet; or rename the text that you stage",
  );
}

async function fill(folder: string, texts: readonly string[], record: StagedRecord, signal: AbortSignal) {
  makeFolder(folder);
  for (const [i, text] of texts.entries()) {
    if (i % PIECES_A_TURN === 0) await Bun.sleep(0);
    if (signal.aborted) {
      throw new FoldError("interrupted", "stopped before the text was staged", "run the same command again");
    }
    writeNew(join(folder, fileOf(i, texts.length)), text);
  }
  // Last, since it sees the names of all to the disk.
  writeWhole(join(folder, RECORD), JSON.stringify(record));
}

/** Rename a folder to its place; what was there is moved aside before, comes back on failure, and is removed after. */
function exchange(folder: string, place: string, old: string | null): void {
  if (old === null || !move(place, old)) {
    move(folder, place);
    return;
  }
  try {
    move(folder, place);
  } catch (error) {
    move(old, place);
    throw error;
  }
  remove(old);
}

function removeLeftovers(input: string): void {
  for (const name of readdirSync(input)) {
    if (!name.startsWith(ASIDE)) continue;
    const path = join(input, name);
    const written_ms = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY;
    if (Date.now() - written_ms > LEFTOVER_MS) remove(path);
  }
}
