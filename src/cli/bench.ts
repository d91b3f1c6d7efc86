import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FoldError } from "../errors.ts";
import { findTexts } from "../jobs/find-texts.ts";
import { version } from "../version.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import type { BenchFlags } from "./definitions.ts";
import type { FoldReport } from "./report.ts";

/** What one way of folding the text took: medians over all runs, each in a process of its own. */
interface Measurement {
  readonly threads: number;
  readonly archive: boolean;
  readonly elapsed_ms: number;
  readonly orthos_per_second: number;
  readonly orthos_per_second_per_core: number;
  readonly peak_rss_bytes: number;
  readonly archive_bytes: number | null;
}

/** How a text is folded once. */
interface Way {
  readonly threads: number;
  readonly archive: boolean;
  readonly maxDims: number | null;
  readonly signal: AbortSignal;
}

/** `fold bench PATH`: fold a text with and without an archive on different numbers of threads, and compare. */
export async function execute(
  { parameters, flags }: CommandArguments<BenchFlags>,
  { output, signal }: CommandIo,
): Promise<number> {
  const text = pathOfText(parameters[0]);
  const threadCounts = flags.threads ?? [...new Set([1, navigator.hardwareConcurrency])];
  const ways = [false, true].flatMap((archive) => threadCounts.map((threads) => ({ archive, threads })));
  const reports: FoldReport[][] = ways.map(() => []);
  // In turn, not one way after the other: a machine that slows down for a minute then slows all of them.
  for (let i = 0; i < flags.runs; i++) {
    for (const [number, { archive, threads }] of ways.entries()) {
      output.note(`run ${i + 1} of ${flags.runs}: ${threads} threads, ${archive ? "with" : "without"} archive`);
      reports[number].push(await foldOnce(text, { threads, archive, maxDims: flags.maxDims, signal }));
    }
  }
  const measurements = ways.map(({ archive, threads }, number) => summarise(reports[number], threads, archive));
  const { orthos } = reports[0][0];
  output.json({
    text,
    orthos,
    max_dims: flags.maxDims,
    runs: flags.runs,
    version: version.fold,
    bun: version.bun,
    target: version.target,
    measurements,
    ...compare(measurements, orthos),
  });
  return 0;
}

/** The text, as every run reads it anew. */
function pathOfText(given: string): string {
  if (given === "-") {
    throw new FoldError(
      "usage",
      "the standard input can be read only once, and bench reads it many times",
      "give a file",
    );
  }
  const { length } = findTexts([given]);
  if (length === 1) return given;
  throw new FoldError("usage", `bench folds one text, and ${given} holds ${length}`, "give the path of one of them");
}

function summarise(runs: readonly FoldReport[], threads: number, archive: boolean): Measurement {
  const elapsed = median(runs.map((run) => run.elapsed_ms ?? 0));
  const perSecond = (runs[0].orthos / elapsed) * 1000;
  return {
    threads,
    archive,
    elapsed_ms: Math.round(elapsed),
    orthos_per_second: Math.round(perSecond),
    orthos_per_second_per_core: Math.round(perSecond / threads),
    peak_rss_bytes: Math.max(...runs.map((run) => run.peak_rss_bytes ?? 0)),
    archive_bytes: runs[0].archive_bytes,
  };
}

/** The figures that matter: how well threads pay, what an archive costs, how big it is. */
function compare(measurements: readonly Measurement[], orthos: number) {
  const find = (archive: boolean, threads: number) =>
    measurements.find((one) => one.archive === archive && one.threads === threads);
  const counts = [...new Set(measurements.map((one) => one.threads))];
  const [fewest, most] = [Math.min(...counts), Math.max(...counts)];
  const ratio = (a: Measurement | undefined, b: Measurement | undefined) =>
    a === undefined || b === undefined ? null : Number((a.elapsed_ms / b.elapsed_ms).toFixed(3));
  const written = find(true, most)?.archive_bytes ?? null;
  return {
    scaling: fewest === most ? null : ratio(find(false, fewest), find(false, most)),
    archive_overhead: Object.fromEntries(counts.map((n) => [n, ratio(find(true, n), find(false, n))])),
    bytes_per_ortho: written === null || orthos === 0 ? null : Number((written / orthos).toFixed(3)),
  };
}

/** One fold in a process of its own, so that its memory and start-up count and nothing is warm. */
async function foldOnce(text: string, way: Way): Promise<FoldReport> {
  const { threads, archive, maxDims, signal } = way;
  const folder = mkdtempSync(join(tmpdir(), "fold-bench-"));
  const self = Bun.isStandaloneExecutable ? [process.execPath] : [process.execPath, Bun.main];
  const where = archive ? ["--out", folder] : ["--no-archive"];
  const options = ["--threads", String(threads), "--max-dims", String(maxDims ?? "all"), "--json", "--quiet", ...where];
  try {
    const run = Bun.spawn([...self, "run", ...options, "--", text], { stdout: "pipe", stderr: "pipe", signal });
    const [stdout, stderr, exit] = await Promise.all([run.stdout.text(), run.stderr.text(), run.exited]);
    if (signal.aborted) throw new FoldError("interrupted", "stopped before the end", "run the same command again");
    if (exit !== 0) throw errorOf(stdout, stderr);
    return JSON.parse(stdout) as FoldReport;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a run has told, as if it had happened here. */
function errorOf(stdout: string, stderr: string): FoldError {
  try {
    const { code, message, hint } = (JSON.parse(stdout) as { error: FoldError }).error;
    return new FoldError(code, message, hint);
  } catch {
    return new FoldError("failed", `a run of the bench ended in the middle: ${stderr.trim()}`, "run the command again");
  }
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1];
}
