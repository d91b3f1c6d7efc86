import { compareNumbers, compareUtf8 } from "./compare.ts";
import { cellsOf, volumeOf } from "./shapes.ts";

/** One ortho in canonical form: dims ascending, words in row-major order. */
export interface Ortho {
  readonly dims: readonly number[];
  readonly words: readonly string[];
}

/** The canonical line of an ortho, without the line feed. */
export function canonicalLine(ortho: Ortho): string {
  return `${ortho.dims.join("x")}\t${ortho.words.join(" ")}`;
}

/**
 * The order of orthos from best to worst: greatest volume, then most cells, then first by dims, then by words.
 *
 * @returns negative when `a` is better than `b`
 */
export function compareOrthos(a: Ortho, b: Ortho): number {
  const difference =
    volumeOf(b.dims) - volumeOf(a.dims) || cellsOf(b.dims) - cellsOf(a.dims) || compareNumbers(a.dims, b.dims);
  if (difference !== 0) return difference;
  for (let i = 0; i < a.words.length; i++) {
    const order = compareUtf8(a.words[i], b.words[i]);
    if (order !== 0) return order;
  }
  return 0;
}

/** The better of two orthos, either of which may be missing. */
export function betterOrtho(a: Ortho | null, b: Ortho | null): Ortho | null {
  if (a === null || b === null) return a ?? b;
  return compareOrthos(a, b) <= 0 ? a : b;
}
