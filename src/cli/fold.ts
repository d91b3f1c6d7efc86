import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { archiveName, checkArchiveName } from "../archive/archive-name.ts";
import type { FoldOptions, Source } from "../archive/manifest.ts";
import type { Corpus } from "../core/corpus.ts";
import { hasCode, temporaryPath } from "../disk.ts";
import { FoldError, fromSystemError } from "../errors.ts";
import { findArchive } from "../jobs/find-archive.ts";
import { type FoldOutcome, foldCorpus } from "../jobs/fold-corpus.ts";
import type { WalkThreads } from "../jobs/walk-threads.ts";
import type { CommandIo } from "./command.ts";
import { ProgressLine } from "./progress.ts";
import { describeArchive, type FoldReport } from "./report.ts";
import { optimalLines, shapeLines } from "./show.ts";
import { formatBytes, formatCount, formatCounted, formatDuration, formatLarge, formatTable } from "./text.ts";

/** A text or a union of texts, ready to be folded. */
export interface FoldInput {
  readonly corpus: Corpus;
  readonly name: string;
  readonly lineage: string;
  readonly sources: readonly Source[];
  readonly options: FoldOptions;
}

/** How to fold, for run and merge alike. */
export interface FoldSettings {
  readonly threads: number | null;
  /** Threads that are kept from one text to the next. */
  readonly keptThreads?: WalkThreads;
  /** Folder for the archive; null for none. */
  readonly folder: string | null;
  /** Where in it, if not under the archive's name. */
  readonly path?: string;
  readonly fresh: boolean;
  readonly quiet: boolean;
  readonly json: boolean;
}

/** The longest of what stands behind the name while an archive is made. */
const LONGEST_ENDING = temporaryPath(".tar.zst");

/**
 * Refuse an archive whose file could not be made, or would be hidden; before anything is folded.
 *
 * @throws FoldError `usage`
 */
export function checkFileName({ name, options }: Pick<FoldInput, "name" | "options">): void {
  checkArchiveName(archiveName(name, options), LONGEST_ENDING);
}

/** Where the archive of an input goes. */
export function archivePath(input: Pick<FoldInput, "name" | "options">, folder: string): string {
  return join(folder, `${archiveName(input.name, input.options)}.tar.zst`);
}

/**
 * The report of an archive that is there already, or null when there is work to do.
 *
 * Says what becomes of an archive of another text, or of a damaged one, under the same name.
 */
export async function reportExisting(input: FoldInput, path: string, io: CommandIo): Promise<FoldReport | null> {
  const found = await findArchive(path, input, input.corpus);
  if (found === "none") return null;
  if (found === "other") {
    io.output.note(`${path} holds another fold under this name and will be replaced`);
    return null;
  }
  if (found === "damaged") {
    io.output.note(`${path} is damaged and will be made anew`);
    return null;
  }
  try {
    const file = { path, bytes: found.sizeBytes, tarSha256: await found.tarSha256() };
    return describeArchive(found.manifest, file);
  } finally {
    found.close();
  }
}

/** Make the folder for archives, where it is not there yet. */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    if (hasCode(error, "EEXIST")) {
      throw new FoldError("usage", `${folder} is a file, not a folder`, "give the path of a folder for the archives");
    }
    throw fromSystemError(error, "create the folder", folder);
  }
}

/** Fold an input, showing how far it is; returns the report of what was found. */
export async function foldInput(input: FoldInput, settings: FoldSettings, io: CommandIo): Promise<FoldReport> {
  const { output, signal } = io;
  const threads = settings.threads ?? navigator.hardwareConcurrency;
  const started = performance.now();
  if (settings.folder !== null) makeFolder(settings.folder);
  const progress = settings.quiet ? null : new ProgressLine(output, input.name);
  try {
    const outcome = await foldCorpus({
      ...input,
      threads,
      ...(settings.keptThreads === undefined ? {} : { keptThreads: settings.keptThreads }),
      archive: settings.folder === null ? null : (settings.path ?? archivePath(input, settings.folder)),
      isShared: true,
      fresh: settings.fresh,
      signal,
      onPlan: ({ tasks, resumed }) => {
        if (resumed > 0 && !settings.quiet) {
          output.note(`going on: ${formatCount(resumed)} of ${formatCounted(tasks, "task")} were done before`);
        }
      },
      onProgress: (current) => progress?.start(current),
    });
    return reportOutcome(input, outcome, { elapsed_ms: Math.round(performance.now() - started), threads });
  } finally {
    progress?.stop();
  }
}

function reportOutcome(
  input: FoldInput,
  outcome: FoldOutcome,
  run: { elapsed_ms: number; threads: number },
): FoldReport {
  const { archive, orthos, shapes, optimal } = outcome;
  const described = archive?.manifest ?? {
    ...input,
    distinct_sentences: input.corpus.starts.length - 1,
    vocabulary: input.corpus.words.length,
    orthos,
    shapes,
    optimal,
    content_sha256: null,
  };
  const peak_rss_bytes = process.resourceUsage().maxRSS * 1024;
  return describeArchive(described, archive, { ...run, peak_rss_bytes });
}

/** Show a report to people. */
export function printSummary(report: FoldReport, { output }: CommandIo): void {
  const facts = [["orthos", formatCount(report.orthos)]];
  if (report.elapsed_ms !== null) {
    const rate = `${formatLarge((report.orthos / Math.max(1, report.elapsed_ms)) * 1000)} orthos a second`;
    const threads = formatCounted(report.threads ?? 1, "thread");
    facts.push(["time", `${formatDuration(report.elapsed_ms)} on ${threads}, ${rate}`]);
  }
  if (report.archive !== null) facts.push(["archive", `${report.archive}, ${formatBytes(report.archive_bytes ?? 0)}`]);
  output.line(output.style("bold", report.text));
  for (const fact of formatTable(facts)) output.line(`  ${fact}`);
  if (report.orthos === 0) return;
  output.line();
  for (const line of shapeLines(report)) output.line(line);
  output.line();
  for (const line of optimalLines(report, output)) output.line(line);
}
