// What `bun test` says of a run in its report in the format of JUnit.

/** What became of the tests of a run. */
export interface Report {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** The files that a test is told of, from the project's root. */
  readonly files: ReadonlySet<string>;
}

/** Nothing ran. */
export const noReport: Report = { passed: 0, failed: 0, skipped: 0, files: new Set() };

/**
 * The counts of the report's outermost element, and the files it tells of.
 *
 * @returns undefined for a text that is no report
 */
export function parseReport(text: string): Report | undefined {
  const summary = /<testsuites\b[^>]*>/.exec(text)?.[0];
  if (summary === undefined) return undefined;
  const count = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(summary)?.[1] ?? 0);
  const failed = count("failures") + count("errors");
  const skipped = count("skipped");
  const files = [...text.matchAll(/<testcase\b[^>]* file="([^"]*)"/g)].map(([, file = ""]) =>
    file.replaceAll("\\", "/"),
  );
  return { passed: count("tests") - failed - skipped, failed, skipped, files: new Set(files) };
}

/**
 * Files that were to be run and of which no test is told: they are empty, or did not load, or make their tests of a list
 * that is empty. For `bun test` an empty file is a success.
 */
export function filesWithoutTests(wanted: readonly string[], { files }: Report): string[] {
  return wanted.filter((path) => !files.has(path));
}
