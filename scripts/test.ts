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
import { filesWithoutTests, noReport, parseReport, type Report } from "./test-report.ts";

const report = join(root, "dist", "junit.xml");
// Against tests that hang: a busy machine may take ten times as long as a free one.
const test_timeout_ms = 300_000;
const INTERRUPTED = 130;

/** Undefined when the run ended before there was a report. */
async function readReport(): Promise<Report | undefined> {
  const file = Bun.file(report);
  return (await file.exists()) ? parseReport(await file.text()) : undefined;
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

async function runTests({ args, files, leftOut }: TestPlan, variables: Record<string, string>, signal: AbortSignal) {
  // A report of an earlier run must not be taken for this one's.
  rmSync(report, { force: true });
  const exitCode = args === null ? 0 : await runBunTest(args, variables, signal);
  const told = await readReport();
  const { passed, failed, skipped } = told ?? noReport;
  const ran = passed + failed;
  // What was stopped says nothing of the files that were still to come.
  const isWhole = told !== undefined && !signal.aborted && !args?.some((arg) => arg.startsWith("--bail"));
  const silent = isWhole ? filesWithoutTests(files, told) : [];
  for (const file of silent) console.log(`\n${file}: no test of it was run, counted as one failure`);
  // Something went wrong that is no test in the report.
  const other = exitCode !== 0 && failed + silent.length === 0 ? 1 : 0;
  if (other > 0)
    console.log(`\nbun test ended with exit code ${exitCode} though no test failed: counted as one failure`);
  if (ran === 0) console.log("\nno test ran");
  for (const line of leftOut) console.log(line);
  // On a line of its own, so that the last line has the same form on every machine.
  if (skipped > 0) console.log(`${skipped} skipped: their titles tell why`);
  const failures = failed + silent.length + other;
  console.log(`${passed} passed, ${failures} failed`);
  return failures === 0 && ran > 0 ? 0 : 1;
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
