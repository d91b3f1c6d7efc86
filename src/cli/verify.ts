import { type VerifyProgress, type VerifyResult, verifyArchive } from "../archive/verify.ts";
import type { VerifyFlags } from "./archive-definitions.ts";
import { ArchiveFiles } from "./archive-files.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import type { Output } from "./output.ts";
import { formatBytes, formatCount, formatCounted, formatDuration } from "./text.ts";

const REDRAW_MS = 100;

/** `fold verify ARCHIVE`: exit code 0 for a sound archive, 1 for any other. */
export async function execute({ parameters, flags }: CommandArguments<VerifyFlags>, io: CommandIo): Promise<number> {
  const { output, signal } = io;
  const [named] = parameters;
  const files = new ArchiveFiles(flags, io);
  const started = performance.now();
  const onProgress = progressLine(output);
  let result: VerifyResult;
  try {
    result = await verifyArchive(await files.find(named), { sample: flags.sample, signal, onProgress });
  } finally {
    files.close();
    if (output.isErrorTerminal) output.error("\r\x1b[K");
  }
  const elapsed_ms = Math.round(performance.now() - started);
  if (flags.json) output.json({ archive: named, ...result, sample: flags.sample, elapsed_ms });
  else printResult(named, result, elapsed_ms, output);
  return result.ok ? 0 : 1;
}

/** One line on a terminal, drawn again and again; nothing elsewhere, as a check is short. */
function progressLine(output: Output): (progress: VerifyProgress) => void {
  let drawn_ms = 0;
  return ({ step, orthos, orthosInAll }) => {
    if (!output.isErrorTerminal || performance.now() - drawn_ms < REDRAW_MS) return;
    drawn_ms = performance.now();
    const percent = orthosInAll === 0 ? 100 : Math.min(100, Math.floor((orthos / orthosInAll) * 100));
    output.error(`\r${step}: ${formatCount(orthos)} orthos checked, ${percent} %\x1b[K`);
  };
}

function printResult(named: string, result: VerifyResult, elapsed_ms: number, output: Output): void {
  const { ok, problems, problem_count } = result;
  const verdict = ok ? output.style("green", "sound") : output.style("red", "damaged");
  output.line(`${output.style("bold", named)}: ${verdict}`);
  const hash = result.tar_sha256_is_stated
    ? "compared with the one in the file"
    : "the file states none to compare with";
  const lines = [
    `${formatCounted(result.members, "member")}, ${formatBytes(result.tar_bytes)}: names, order, sizes, hashes`,
    `tar SHA-256 ${result.tar_sha256 ?? "unknown"}: ${hash}`,
    "decoded by two decoders",
    `${formatCount(result.chunks_checked)} of ${formatCounted(result.chunks, "chunk")}, ${formatCount(result.orthos_checked)} of ${formatCounted(result.orthos, "ortho")}: each a true one, canonical, and there once`,
  ];
  output.line(ok ? `checked in ${formatDuration(elapsed_ms)}:` : `looked at in ${formatDuration(elapsed_ms)}:`);
  for (const line of lines) output.line(`  ${line}`);
  if (ok) return;
  output.line(`${formatCounted(problem_count, "problem")}:`);
  for (const problem of problems) output.line(`  ${problem}`);
  if (problem_count > problems.length) output.line(`  and ${formatCount(problem_count - problems.length)} more`);
}
