// Which test files there are, and what each needs that not every machine has. Nobody keeps a list: whoever imports the
// support that talks to a server, through however many files, needs that server.
import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { root } from "./compile.ts";

/** What a machine may lack: the servers of scripts/servers.ts, and a PostgreSQL that may be stopped and started. */
export type Need = "postgres" | "spaces" | "own postgres";

/** The files that need something themselves. */
const sources: Readonly<Record<string, Need>> = {
  "tests/support/database.ts": "postgres",
  "tests/support/spaces.ts": "spaces",
  "tests/support/own-postgres.ts": "own postgres",
  "tests/db/starter.test.ts": "own postgres",
};

/** Options of `bun test` whose value is the argument behind them. */
const valued: ReadonlySet<string | undefined> = new Set([
  ...["-t", "--test-name-pattern", "--timeout", "--seed", "--rerun-each"],
]);

/** A file of tests. */
export interface TestFile {
  /** From the project's root, with slashes. */
  readonly path: string;
  readonly needs: readonly Need[];
}

/** The arguments of `bun test` that say which files to run, and the others. */
export function splitArguments(args: readonly string[]): { filters: string[]; options: string[] } {
  const isFilter = (arg: string, at: number) => !arg.startsWith("-") && !valued.has(args[at - 1]);
  return {
    filters: args.filter(isFilter),
    options: args.filter((arg, at) => !isFilter(arg, at)),
  };
}

/**
 * The test files that are asked for.
 *
 * @param filters pieces of their paths, as `bun test` takes them; none for all files
 */
export function testFiles(filters: readonly string[]): TestFile[] {
  const pieces = filters.map((filter) => filter.replace(/^\.\//, "").replace(`${root}/`, ""));
  return [...new Bun.Glob("tests/**/*.test.ts").scanSync(root)]
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => pieces.length === 0 || pieces.some((piece) => path.includes(piece)))
    .sort()
    .map((path) => ({ path, needs: needsOf(path) }));
}

/** What a file needs, itself or by what it imports. */
function needsOf(path: string): Need[] {
  const found = new Set([path]);
  // Grows while it is gone through.
  for (const one of found) for (const imported of importsOf(one)) found.add(imported);
  return [...new Set([...found].flatMap((one) => sources[one] ?? []))].sort();
}

const transpiler = new Bun.Transpiler({ loader: "ts" });
const known = new Map<string, readonly string[]>();

/** The files of tests that a file imports. */
function importsOf(path: string): readonly string[] {
  const earlier = known.get(path);
  if (earlier !== undefined) return earlier;
  const imports = transpiler
    .scanImports(readFileSync(join(root, path), "utf8"))
    .filter((one) => one.path.startsWith("."))
    .map((one) => posix.join(posix.dirname(path), one.path))
    .filter((one) => one.startsWith("tests/"));
  known.set(path, imports);
  return imports;
}
