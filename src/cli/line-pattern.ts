import { FoldError } from "../errors.ts";

/** A line may take so long, and so much more for each of its characters: some ten times what any sane pattern needs. */
const LINE_MS = 200;
const CHARACTER_MS = 0.0001;
const TEXT_MS = 60_000;

/**
 * A test of lines against a pattern that gives up on patterns that backtrack without end.
 *
 * The engine does not: it tries for a second or more, in which no signal is heard, and then takes the line for one
 * that does not match.
 *
 * @throws FoldError `usage` from the test
 */
export function lineTest(pattern: RegExp): (line: string) => boolean {
  let spent_ms = 0;
  const timed = (line: string) => {
    const started = performance.now();
    const isMatch = pattern.test(line);
    const elapsed_ms = performance.now() - started;
    spent_ms += elapsed_ms;
    return { isMatch, isSlow: elapsed_ms > LINE_MS + CHARACTER_MS * line.length };
  };
  return (line) => {
    const { isMatch, isSlow } = timed(line);
    // Once more, for it may have been the machine that was slow.
    if ((isSlow && timed(line).isSlow) || spent_ms > TEXT_MS) throw tooSlow(pattern, line);
    return isMatch;
  };
}

function tooSlow(pattern: RegExp, line: string): FoldError {
  return new FoldError(
    "usage",
    `the pattern ${pattern.source} takes too long, on the line ${JSON.stringify(line.slice(0, 40))} at the latest`,
    "write it without repeats inside repeats: ^a+$ in place of ^(a+)+$",
  );
}
