import { padRight, widthOf } from "./text.ts";

const GAP = "  ";
/** A word that is wider than this is cut in a grid that would not fit otherwise. */
const LEAST_CUT = 6;

/**
 * Draw an ortho as lines of text: a row of words a line, columns aligned; slices of more than two dimensions one
 * below the other, each with a caption that says where in the box it lies.
 *
 * A grid that is wider than it is allowed to be is turned on its side if that helps, for axes have no names; then
 * its columns go on further down.
 *
 * @param dims as printed, last axis fastest
 * @param columns width that must be enough
 * @example
 * drawOrtho([2, 3], ["all", "the", "readers", "his", "case", "of"], 80) // ["all  the   readers", "his  case  of"]
 */
export function drawOrtho(dims: readonly number[], words: readonly string[], columns: number): string[] {
  const [height, width] = dims.slice(-2);
  const cells = height * width;
  const outer = dims.slice(0, -2);
  const lines: string[] = [];
  const isTurned = mustTurn(dims, words, columns);
  for (let slice = 0; slice * cells < words.length; slice++) {
    const part = words.slice(slice * cells, (slice + 1) * cells);
    if (outer.length > 0) {
      if (slice > 0) lines.push("");
      lines.push(caption(outer, slice));
    }
    const rows = Array.from({ length: height }, (_, y) => part.slice(y * width, (y + 1) * width));
    lines.push(...drawRows(isTurned ? transpose(rows) : rows, columns));
  }
  return lines;
}

/** Where a slice lies along the axes that the page has no room for, counted from 1 as people do. */
function caption(outer: readonly number[], slice: number): string {
  const places: string[] = [];
  let rest = slice;
  for (let axis = outer.length - 1; axis >= 0; axis--) {
    places.unshift(`${(rest % outer[axis]) + 1}/${outer[axis]}`);
    rest = Math.floor(rest / outer[axis]);
  }
  return `slice ${places.join(", ")}`;
}

/** All slices are turned or none, so that they can be compared. */
function mustTurn(dims: readonly number[], words: readonly string[], columns: number): boolean {
  const [height, width] = dims.slice(-2);
  const widest = (stride: number, count: number) => {
    let total = (count - 1) * GAP.length;
    for (let column = 0; column < count; column++) {
      let most = 0;
      for (let at = 0; at < words.length; at++) {
        const isHere = (stride === 1 ? at % width : Math.floor(at / width) % height) === column;
        if (isHere) most = Math.max(most, widthOf(words[at]));
      }
      total += most;
    }
    return total;
  };
  return widest(1, width) > columns && widest(width, height) <= columns;
}

function drawRows(rows: readonly (readonly string[])[], columns: number): string[] {
  const cut = rows.map((row) => row.map((word) => shorten(word, Math.max(LEAST_CUT, columns))));
  const widths = cut[0].map((_, x) => Math.max(...cut.map((row) => widthOf(row[x]))));
  const lines: string[] = [];
  for (let from = 0; from < widths.length; ) {
    let until = from + 1;
    let taken = widths[from];
    while (until < widths.length && taken + GAP.length + widths[until] <= columns)
      taken += GAP.length + widths[until++];
    if (from > 0) lines.push("", `columns ${from + 1} to ${until} of ${widths.length}`);
    for (const row of cut) {
      const cells = row.slice(from, until).map((word, x) => padRight(word, widths[from + x]));
      lines.push(cells.join(GAP).trimEnd());
    }
    from = until;
  }
  return lines;
}

function transpose(rows: readonly (readonly string[])[]): string[][] {
  return rows[0].map((_, x) => rows.map((row) => row[x]));
}

/** A word that alone is wider than the page, cut with a sign that it is. */
function shorten(word: string, columns: number): string {
  if (widthOf(word) <= columns) return word;
  let kept = "";
  for (const { segment } of new Intl.Segmenter().segment(word)) {
    if (widthOf(kept + segment) >= columns) break;
    kept += segment;
  }
  return `${kept}…`;
}
