// npm test: builds dist/fold, runs the tests against it and ends with the line "N passed, N failed".
// `npm test -- tests/tidy.test.ts -t name` passes its arguments on to bun test. Servers that its tests need, and that
// the environment does not name, run for as long as it does. Where one cannot be had, the files that need it are left
// out, and told; with CI set that is an error.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "./build.ts";
import { root } from "./compile.ts";
import { Servers } from "./servers.ts";
import { findMissing, needsOfRun, planTests, type TestPlan } from "./test-plan.ts";

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const report = join(root, "dist", "junit.xml");
// Against tests that hang: a busy machine may take ten times as long as a free one.
const test_timeout_ms = 300_000;
const INTERRUPTED = 130;

/** The counts of the report's outermost element; undefined when the run ended before there was a report. */
async function readReport(): Promise<Counts | undefined> {
  const file = Bun.file(report);
  if (!(await file.exists())) return undefined;
  const summary = /<testsuites\b[^>]*>/.exec(await file.text())?.[0];
  if (summary === undefined) return undefined;
  const count = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(summary)?.[1] ?? 0);
  const failed = count("failures") + count("errors");
  const skipped = count("skipped");
  return { passed: count("tests") - failed - skipped, failed, skipped };
}

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  const needs = needsOfRun(args);
  const servers = Servers.start(needs);
  const controller = new AbortController();
  const stop = () => controller.abort();
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  try {
    await build();
    const missing = await findMissing(servers, needs, process.platform);
    if (controller.signal.aborted) return INTERRUPTED;
    const plan = planTests(args, missing, !process.env.CI);
    const variables = await servers.variables([...missing.keys()]);
    const exitCode = await runTests(plan, variables, controller.signal);
    return controller.signal.aborted ? INTERRUPTED : exitCode;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  } finally {
    await servers.stop();
  }
}

async function runTests({ args, leftOut }: TestPlan, variables: Record<string, string>, signal: AbortSignal) {
  // A report of an earlier run must not be taken for this one's.
  rmSync(report, { force: true });
  const exitCode = args === null ? 0 : await runBunTest(args, variables, signal);
  const counts = (await readReport()) ?? { passed: 0, failed: 0, skipped: 0 };
  const ran = counts.passed + counts.failed;
  // A test file that does not load fails the run without being a test in the report.
  const brokenFiles = exitCode !== 0 && counts.failed === 0 ? 1 : 0;
  if (brokenFiles > 0)
    console.log(`\nbun test ended with exit code ${exitCode} though no test failed: counted as one failure`);
  if (ran === 0) console.log("\nno test ran");
  for (const line of leftOut) console.log(line);
  // On a line of its own, so that the last line has the same form on every machine.
  if (counts.skipped > 0) console.log(`${counts.skipped} skipped: their titles tell why`);
  console.log(`${counts.passed} passed, ${counts.failed + brokenFiles} failed`);
  return exitCode === 0 && counts.failed === 0 && ran > 0 ? 0 : 1;
}

async function runBunTest(args: readonly string[], variables: Record<string, string>, signal: AbortSignal) {
  const tests = Bun.spawn(
    [
      process.execPath,
      "--no-orphans",
      "test",
      `--timeout=${test_timeout_ms}`,
      "--reporter=junit",
      `--reporter-outfile=${report}`,
      // Many files wait for servers, disks and leases: three at a time keep two cores busy.
      "--parallel=3",
      ...args,
    ],
    { cwd: root, stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, ...variables }, signal },
  );
  return await tests.exited;
}

process.exitCode = await main();
