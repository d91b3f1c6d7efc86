import { type Estimate, estimateOrthos } from "../core/estimate.ts";
import { PhraseIndex } from "../core/phrase-index.ts";
import { findTexts, readText } from "../jobs/read-texts.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import type { EstimateFlags } from "./definitions.ts";
import { formatBytes, formatDuration, formatLarge, formatTable } from "./text.ts";

/** Bytes that an ortho takes in an archive, by its dimensions: measured on a book and on a chapter. */
const BYTES_PER_ORTHO_OF_TWO_DIMS = 1.35;
const BYTES_PER_ORTHO_OF_MORE = 2.5;

/** What `fold estimate --json` prints. */
interface EstimateReport {
  readonly text: string;
  readonly max_dims: number | null;
  readonly min_volume: number;
  readonly orthos: number;
  readonly shapes: Readonly<Record<string, number>>;
  readonly is_exact: boolean;
  readonly elapsed_ms: number;
  readonly archive_bytes: number;
  readonly threads: number;
}

/** `fold estimate PATH...`: what a fold would find, how long it would take, how big its archive would be. */
export async function execute(
  { parameters, flags }: CommandArguments<EstimateFlags>,
  { output, signal }: CommandIo,
): Promise<number> {
  for (const place of findTexts(parameters)) {
    const started = performance.now();
    const { corpus, source } = await readText(place);
    const index = PhraseIndex.build(corpus);
    const prepared = performance.now();
    const estimate = estimateOrthos(index, {
      maxDims: flags.maxDims ?? Infinity,
      minVolume: flags.minVolume,
      random: Math.random,
      now: () => performance.now(),
      isTimeUp: () => signal.aborted || performance.now() - started > flags.seconds * 1000,
    });
    const rate = estimate.visited / Math.max(1, estimate.walk_ms);
    const threads = navigator.hardwareConcurrency;
    const walk_ms = estimate.orthos / Math.max(1, rate * threads);
    const report: EstimateReport = {
      text: source.name,
      max_dims: flags.maxDims,
      min_volume: flags.minVolume,
      orthos: Math.round(estimate.orthos),
      shapes: roundCounts(estimate),
      is_exact: estimate.isExact,
      elapsed_ms: Math.round(prepared - started + walk_ms),
      archive_bytes: Math.round(archiveBytes(estimate)),
      threads,
    };
    if (flags.json) output.json(report);
    else for (const line of lines(report)) output.line(line);
  }
  return 0;
}

/** Whole numbers; a shape that was met with is expected at least once. */
function roundCounts({ shapes }: Estimate): Record<string, number> {
  return Object.fromEntries(Object.entries(shapes).map(([shape, count]) => [shape, Math.max(1, Math.round(count))]));
}

function archiveBytes({ shapes }: Estimate): number {
  let bytes = 0;
  for (const [shape, count] of Object.entries(shapes)) {
    bytes += count * (shape.split("x").length === 2 ? BYTES_PER_ORTHO_OF_TWO_DIMS : BYTES_PER_ORTHO_OF_MORE);
  }
  return bytes;
}

function lines(report: EstimateReport): string[] {
  const about = report.is_exact ? "" : "about ";
  const facts = [
    ["orthos", `${about}${formatLarge(report.orthos)}`],
    ["time", `about ${formatDuration(report.elapsed_ms)} on ${report.threads} threads`],
    ["archive", `about ${formatBytes(report.archive_bytes)}`],
  ];
  const shapes = Object.entries(report.shapes).map(([shape, count]) => [shape, `${about}${formatLarge(count)}`]);
  return [
    report.text,
    ...formatTable(facts).map((line) => `  ${line}`),
    "",
    ...formatTable(shapes, "lr").map((line) => `  ${line}`),
  ];
}
