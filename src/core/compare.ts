/**
 * Compare two strings by their UTF-8 bytes, the order of words everywhere in fold.
 *
 * JavaScript compares UTF-16 units, which puts U+E000..U+FFFF after the astral planes; UTF-8 does not.
 *
 * @returns negative, 0 or positive, as for `Array.sort`
 */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return byteOrder(x) - byteOrder(y);
  }
  return a.length - b.length;
}

/** Moves surrogates above U+FFFF, where their code points lie; the rest keeps its order. */
function byteOrder(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** Compare two lists of numbers: first by the first difference, then the shorter first. */
export function compareNumbers(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = a[i] - b[i];
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
