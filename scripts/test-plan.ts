// What becomes of test files that need something which this machine does not have.
import type { Servers } from "./servers.ts";
import { type Need, splitArguments, type TestFile, testFiles } from "./test-files.ts";

/** What is missing, and for each why, or what to do about it. */
export type Missing = ReadonlyMap<Need, string>;

/** What to run. */
export interface TestPlan {
  /** Arguments for `bun test`; null when nothing is left to be run. */
  readonly args: readonly string[] | null;
  /** The files that these mean. */
  readonly files: readonly string[];
  /** What to tell of the files that are left out, line by line. */
  readonly leftOut: readonly string[];
}

const names: Readonly<Record<Need, string>> = {
  postgres: "PostgreSQL",
  spaces: "Spaces",
  "own postgres": "a PostgreSQL of their own",
};

/** What some tests of a run need. */
export function needsOfRun(args: readonly string[]): readonly Need[] {
  const files = testFiles(splitArguments(args).filters);
  return [...new Set(files.flatMap(({ needs }) => needs))];
}

/**
 * What this machine lacks of that; waits for servers that are being started.
 *
 * @param platform as process.platform
 */
export async function findMissing(servers: Servers, needs: readonly Need[], platform: string): Promise<Missing> {
  const missing = new Map<Need, string>(await servers.missing());
  if (!needs.includes("own postgres")) return missing;
  const reason = platform === "linux" ? missing.get("postgres") : "scripts/servers/postgres.sh runs on Linux alone";
  if (reason !== undefined) missing.set("own postgres", reason);
  return missing;
}

/**
 * Leave out what cannot be run here, and say so.
 *
 * @param args what `bun test` is asked for
 * @param mayLeaveOut false where everything has to be run
 * @throws Error where something is missing and everything has to be run
 */
export function planTests(args: readonly string[], missing: Missing, mayLeaveOut: boolean): TestPlan {
  const { filters, options } = splitArguments(args);
  const files = testFiles(filters);
  if (missing.size === 0) return { args, files: files.map(({ path }) => path), leftOut: [] };
  const reasons = [...new Set(missing.values())];
  if (!mayLeaveOut) throw new Error(`${reasons.join("\n")}\nwith CI set, tests that cannot be run are an error`);
  const isLeftOut = ({ needs }: TestFile) => needs.some((need) => missing.has(need));
  const run = files.filter((file) => !isLeftOut(file)).map(({ path }) => path);
  const lines = [...missing].flatMap(([need, reason]) => {
    const count = files.filter(({ needs }) => needs.includes(need)).length;
    const why = reason.trim().split("\n");
    return count === 0
      ? []
      : [`not run: files that need ${names[need]}, ${count} of them`, ...why.map((line) => `  ${line}`)];
  });
  const total = `${files.length - run.length} of ${files.length} files of tests were not run`;
  const named = run.map((path) => `./${path}`);
  return { args: run.length === 0 ? null : [...options, ...named], files: run, leftOut: [...lines, total] };
}
