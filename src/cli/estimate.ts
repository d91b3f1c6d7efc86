import { statSync } from "node:fs";
import { encodeInterner } from "../archive/interner.ts";
import { compressFrame } from "../archive/zstd.ts";
import type { Corpus } from "../core/corpus.ts";
import { type Estimate, estimateOrthos } from "../core/estimate.ts";
import { PhraseIndex } from "../core/phrase-index.ts";
import { FoldError } from "../errors.ts";
import { findTexts } from "../jobs/find-texts.ts";
import { readText, type TextPlace } from "../jobs/read-texts.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import type { EstimateFlags } from "./definitions.ts";
import { eachText } from "./each-text.ts";
import { type FleetPlan, type FleetWork, fleetLines, planFleet } from "./fleet.ts";
import { type PriceTable, readPrices } from "./prices.ts";
import { formatBytes, formatDuration, formatLarge, formatTable } from "./text.ts";

/** Bytes that an ortho takes in an archive, by its dimensions: measured on a book and on a chapter. */
const BYTES_PER_ORTHO_OF_TWO_DIMS = 1;
const BYTES_PER_ORTHO_OF_MORE = 2;
/** Bytes of an archive without orthos and sentences: manifest, best ortho, and what stands between the members. */
const BYTES_OF_NOTHING = 900;

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
  /** null unless it was asked for. */
  readonly fleet: (FleetPlan & { readonly prices: { readonly source: string; readonly date: string } }) | null;
}

const HOUR_MS = 3_600_000;
const USUAL_HOURS = 1;
/** Bytes that a word takes in a text, with what stands around it; for a text whose size is not known. */
const BYTES_PER_WORD = 6;

/** A round of the sample takes about such a part of the time for all of it, and in no case so many times that time. */
const ROUNDS = 8;
const PATIENCE = 20;

/** `fold estimate PATH...`: what a fold would find, how long it would take, how big its archive would be. */
export async function execute({ parameters, flags }: CommandArguments<EstimateFlags>, io: CommandIo): Promise<number> {
  const prices = pricesFor(flags);
  await eachText(findTexts(parameters), (place) => estimate(place, prices, flags, io), "estimated", io);
  return 0;
}

async function estimate(place: TextPlace, prices: PriceTable | null, flags: EstimateFlags, io: CommandIo) {
  const { output } = io;
  const started = performance.now();
  const { corpus, source } = await readText(place);
  const index = PhraseIndex.build(corpus);
  const prepared = performance.now();
  const sample_ms = flags.seconds * 1000;
  const before_ms = thread_ms();
  const estimated = estimateOrthos(index, {
    maxDims: flags.maxDims ?? Infinity,
    minVolume: flags.minVolume,
    random: Math.random,
    now: thread_ms,
    isTimeUp: () => thread_ms() - before_ms > sample_ms,
    round_ms: sample_ms / ROUNDS,
    poll: () => {
      if (performance.now() - prepared > sample_ms * PATIENCE) throw tooMany(source.name, flags);
    },
  });
  const { walk_ms } = estimated;
  const threads = navigator.hardwareConcurrency;
  const report: EstimateReport = {
    text: source.name,
    max_dims: flags.maxDims,
    min_volume: flags.minVolume,
    orthos: Math.round(estimated.orthos),
    shapes: roundCounts(estimated),
    is_exact: estimated.isExact,
    elapsed_ms: Math.round(prepared - started + walk_ms / threads),
    archive_bytes: Math.round(archiveBytes(estimated, corpus)),
    threads,
    fleet: null,
  };
  const work: FleetWork = {
    text_bytes: place.path === null ? source.tokens * BYTES_PER_WORD : statSync(place.path).size,
    prepare_ms: prepared - started,
    walk_ms,
    archive_bytes: report.archive_bytes,
  };
  const whole = prices === null ? report : { ...report, fleet: fleetFor(work, prices, flags) };
  if (flags.json) output.json(whole);
  else for (const line of lines(whole, place, io)) output.line(line);
}

/** What this thread has used of a processor: what else the machine is busy with must not make the sample a smaller one. */
function thread_ms(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** A single box may have more above it than can be counted in any time. */
function tooMany(name: string, { seconds }: EstimateFlags): FoldError {
  const message = `${name} holds more orthos than can be sampled in ${seconds * PATIENCE} s`;
  return new FoldError("failed", message, "give a smaller --max-dims, or more --seconds");
}

function fleetFor(work: FleetWork, prices: PriceTable, { hours }: EstimateFlags): EstimateReport["fleet"] {
  const { source, date } = prices;
  return { ...planFleet(work, prices, (hours ?? USUAL_HOURS) * HOUR_MS), prices: { source, date } };
}

/** What droplets cost; null where no fleet was asked for. */
function pricesFor({ fleet, hours, prices }: EstimateFlags): PriceTable | null {
  if (fleet) return readPrices(prices);
  if (hours === null && prices === null) return null;
  throw new FoldError("usage", `${hours === null ? "--prices" : "--hours"} goes with --fleet`, "give --fleet, too");
}

/** Whole numbers; a shape that was met with is expected at least once. */
function roundCounts({ shapes }: Estimate): Record<string, number> {
  return Object.fromEntries(Object.entries(shapes).map(([shape, count]) => [shape, Math.max(1, Math.round(count))]));
}

function archiveBytes({ shapes }: Estimate, corpus: Corpus): number {
  let bytes = BYTES_OF_NOTHING + compressFrame(encodeInterner(corpus)).length;
  for (const [shape, count] of Object.entries(shapes)) {
    bytes += count * (shape.split("x").length === 2 ? BYTES_PER_ORTHO_OF_TWO_DIMS : BYTES_PER_ORTHO_OF_MORE);
  }
  return bytes;
}

function lines(report: EstimateReport, { path }: TextPlace, { program }: CommandIo): string[] {
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
    ...(report.fleet === null ? [] : ["", ...fleetLines(report.fleet, report.fleet.prices, path ?? "TEXT", program)]),
  ];
}
