import type { Source } from "../archive/manifest.ts";
import type { ShowFlags } from "./archive-definitions.ts";
import { openNamed } from "./archive-files.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import { drawOrtho } from "./grid.ts";
import type { Output } from "./output.ts";
import { describeArchive, type FoldReport } from "./report.ts";
import { formatBytes, formatCount, formatCounted, formatTable, printable } from "./text.ts";

/** More sources than this are counted, not listed. */
const MAX_SOURCES = 10;

/** `fold show ARCHIVE`. */
export async function execute({ parameters, flags }: CommandArguments<ShowFlags>, io: CommandIo): Promise<number> {
  const { output } = io;
  const [named] = parameters;
  const archive = await openNamed(named, flags, io);
  try {
    const file = { path: named, bytes: archive.sizeBytes, tarSha256: await archive.tarSha256() };
    const report = describeArchive(archive.manifest, file);
    if (flags.json) output.json(report);
    else for (const line of showLines(report, archive.manifest.sources, output)) output.line(line);
    return 0;
  } finally {
    archive.close();
  }
}

function showLines(report: FoldReport, sources: readonly Source[], output: Output): string[] {
  const heading = (text: string) => output.style("bold", text);
  const facts: [string, string][] = [
    ["lineage", report.lineage],
    ["text", textLine(report)],
    ["options", optionsLine(report)],
    ["orthos", formatCount(report.orthos)],
    ["file", `${report.archive}, ${fileSize(report)}`],
    ["tar sha256", report.tar_sha256 ?? ""],
    ["content sha256", report.content_sha256 ?? ""],
  ];
  const lines = [heading(printable(report.text)), ...formatTable(facts.map(([name, value]) => [`  ${name}`, value]))];
  if (sources.length > 1) lines.push("", heading("sources"), ...sourceLines(sources));
  if (report.orthos > 0) lines.push("", heading("shapes"), ...shapeLines(report));
  if (report.optimal !== null) lines.push("", ...optimalLines(report, output));
  return lines;
}

function textLine({ sentences, distinct_sentences, tokens, vocabulary }: FoldReport): string {
  return [
    formatCounted(sentences, "sentence"),
    `${formatCount(distinct_sentences)} distinct`,
    formatCounted(tokens, "word"),
    `vocabulary of ${formatCount(vocabulary)}`,
  ].join(", ");
}

function optionsLine({ max_dims, min_volume, shard }: FoldReport): string {
  const dims = max_dims === null ? "any number of dimensions" : `up to ${max_dims} dimensions`;
  const volume = min_volume === 1 ? "" : `, volume ${formatCount(min_volume)} or more`;
  return `${dims}${volume}${shard === null ? "" : `, shard ${shard}`}`;
}

function fileSize({ archive_bytes, orthos }: FoldReport): string {
  const size_bytes = archive_bytes ?? 0;
  const each = orthos > 1000 ? `, ${(size_bytes / orthos).toFixed(2)} bytes an ortho` : "";
  return `${formatBytes(size_bytes)}${each}`;
}

function sourceLines(sources: readonly Source[]): string[] {
  const listed = sources.slice(0, MAX_SOURCES).map(({ name, sentences, tokens }) => {
    return [`  ${name}`, formatCounted(sentences, "sentence"), formatCounted(tokens, "word")];
  });
  const more = sources.length - listed.length;
  return [...formatTable(listed, "lrr"), ...(more > 0 ? [`  and ${formatCount(more)} more`] : [])];
}

/** Counts by shape, one a line. */
export function shapeLines({ shapes }: Pick<FoldReport, "shapes">): string[] {
  return formatTable(
    Object.entries(shapes).map(([shape, count]) => [`  ${shape}`, formatCount(count)]),
    "lr",
  );
}

/** The optimal ortho with its figures in front. */
export function optimalLines({ optimal }: Pick<FoldReport, "optimal">, output: Output): string[] {
  if (optimal === null) return [];
  const { dims, volume, cells, words } = optimal;
  const figures = `${dims.join("x")}, volume ${formatCount(volume)}, ${formatCount(cells)} cells`;
  const indent = "  ";
  const grid = drawOrtho(dims, words.map(printable), output.columns - indent.length);
  return [
    `${output.style("bold", "optimal ortho")}  ${figures}`,
    "",
    ...grid.map((line) => `${indent}${line}`.trimEnd()),
  ];
}
