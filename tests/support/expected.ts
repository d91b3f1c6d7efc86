// What a fold must give, from the brute force, for options that the brute force does not know.
import { bruteForce, sentencesOf } from "./brute-force.ts";

/** The part of a result that can be compared with any other way to fold. */
export interface Expected {
  readonly orthos: number;
  readonly shapes: Readonly<Record<string, number>>;
  /** Canonical line of the optimal ortho, null when there is none. */
  readonly optimal: string | null;
  /** Canonical lines, sorted by bytes. */
  readonly lines: readonly string[];
}

/** Folds a text by brute force and leaves out what has less than `minVolume`. */
export function expectedOf(text: string, maxDims: number, minVolume = 1): Expected {
  const { lines, optimal } = bruteForce(sentencesOf(text), maxDims);
  const kept = lines.filter((line) => volumeOfLine(line) >= minVolume);
  const isOptimalKept = optimal !== null && optimal.volume >= minVolume;
  return {
    orthos: kept.length,
    shapes: shapesOfLines(kept),
    optimal: isOptimalKept ? `${optimal.dims.join("x")}\t${optimal.words.join(" ")}` : null,
    lines: kept,
  };
}

/** How many canonical lines there are of each shape. */
export function shapesOfLines(lines: readonly string[]): Record<string, number> {
  const shapes: Record<string, number> = {};
  for (const line of lines) shapes[shapeOfLine(line)] = (shapes[shapeOfLine(line)] ?? 0) + 1;
  return shapes;
}

/** The dims at the start of a canonical line, as they are printed. */
function shapeOfLine(line: string): string {
  return line.slice(0, line.indexOf("\t"));
}

function volumeOfLine(line: string): number {
  return shapeOfLine(line)
    .split("x")
    .reduce((volume, length) => volume * (Number(length) - 1), 1);
}
