const LONGEST_LINEAGE = 60;

/** A count with thousands separated: `1,234,567`. */
export function formatCount(count: number): string {
  const rounded = Math.round(count).toString();
  return rounded.replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A count with its noun: `1 ortho`, `2,000 orthos`. */
export function formatCounted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

const byteUnits = ["bytes", "kB", "MB", "GB", "TB", "PB"];

/** A size in bytes with three digits: `1 byte`, `512 bytes`, `1.23 MB`. */
export function formatBytes(size_bytes: number): string {
  return size_bytes === 1 ? "1 byte" : scaled(size_bytes, byteUnits);
}

/** A number with three digits and its thousands named: `39.6 M`. */
export function formatLarge(count: number): string {
  return scaled(count, ["", "k", "M", "G", "T"]).trimEnd();
}

function scaled(value: number, units: readonly string[]): string {
  let rest = value;
  let unit = 0;
  // 999.5 would be printed as 1000.
  while (rest >= 999.5 && unit + 1 < units.length) {
    rest /= 1000;
    unit++;
  }
  const digits = unit === 0 ? 0 : rest >= 99.95 ? 0 : rest >= 9.995 ? 1 : 2;
  return `${rest.toFixed(digits)} ${units[unit]}`;
}

/** A time: `340 ms`, `1.2 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatDuration(time_ms: number): string {
  if (time_ms < 999.5) return `${Math.round(time_ms)} ms`;
  if (time_ms < 59_950) return `${(time_ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(time_ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A lineage names every text there was; its beginning says enough in a list. */
export function shortLineage(lineage: string): string {
  return lineage.length <= LONGEST_LINEAGE ? lineage : `${lineage.slice(0, LONGEST_LINEAGE - 1)}…`;
}

/** How many columns of a terminal a text takes: wide characters take two, combining ones none. */
export function widthOf(text: string): number {
  return Bun.stringWidth(text);
}

/** Fill up with spaces behind the text. */
export function padRight(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}

/** Fill up with spaces in front of the text. */
export function padLeft(text: string, width: number): string {
  return " ".repeat(Math.max(0, width - widthOf(text))) + text;
}

/** A name for a line of its own: names may hold line feeds and worse, which would tear it or tell the terminal what to do. */
export function printable(name: string): string {
  return name.replace(/\p{Cc}/gu, "\ufffd");
}

/**
 * Lines of a table: columns aligned, two spaces between them.
 *
 * @param align one letter a column, `l` or `r`; left where it is too short
 */
export function formatTable(rows: readonly (readonly string[])[], align = ""): string[] {
  const widths: number[] = [];
  const cells = rows.map((row) => row.map(printable));
  for (const row of cells) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, widthOf(cell));
  }
  return cells.map((row) =>
    row
      .map((cell, i) => (align[i] === "r" ? padLeft(cell, widths[i]) : padRight(cell, widths[i])))
      .join("  ")
      .trimEnd(),
  );
}

/** Break a text into lines of at most `columns`, between words. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && widthOf(longer) > columns) {
      lines.push(line);
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, line];
}
