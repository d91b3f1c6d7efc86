const BARS = "▁▂▃▄▅▆▇█";

/** Values as a row of bars, the greatest one full; nothing for no values. */
export function sparkline(values: readonly number[]): string {
  const most = Math.max(0, ...values);
  return values
    .map((value) => BARS[most === 0 ? 0 : Math.round((Math.max(0, value) / most) * (BARS.length - 1))])
    .join("");
}
