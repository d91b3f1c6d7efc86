import { join } from "node:path";
import type { Archive } from "../archive/reader.ts";
import { FoldError } from "../errors.ts";
import { copyChunks, planMerge } from "../jobs/merge-archives.ts";
import type { MergeFlags } from "./archive-definitions.ts";
import { openNamed } from "./archive-files.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import {
  archivePath,
  checkFileName,
  type FoldInput,
  foldInput,
  makeFolder,
  printSummary,
  reportExisting,
} from "./fold.ts";
import { describeArchive, type FoldReport } from "./report.ts";

/** `fold merge A B...`: the archive of the union of all sentences, as if all texts had been folded together. */
export async function execute({ parameters, flags }: CommandArguments<MergeFlags>, io: CommandIo): Promise<number> {
  if (parameters.length < 2) {
    throw new FoldError("usage", "a merge takes two archives or more", "name them one after the other");
  }
  const archives: Archive[] = [];
  try {
    for (const named of parameters) archives.push(await openNamed(named, flags, io));
    const report = await merge(archives, flags, io);
    if (flags.json) io.output.json(report);
    else if (!flags.quiet) printSummary(report, io);
    return 0;
  } finally {
    for (const archive of archives) archive.close();
  }
}

async function merge(archives: readonly Archive[], flags: MergeFlags, io: CommandIo): Promise<FoldReport> {
  const started = performance.now();
  const plan = await planMerge(archives);
  // Archives of workers may have folders in their names; the one that is made here is a file.
  const name = flags.name ?? plan.defaultName.replaceAll("/", "-");
  const input: FoldInput = { ...plan, name };
  checkFileName(input);
  const folder = flags.out ?? join(io.config.stateDir, "archives");
  const path = archivePath(input, folder);
  const existing = flags.fresh ? null : await reportExisting(input, path, io);
  if (existing !== null) {
    if (!flags.quiet) io.output.note(`${path}: already merged, nothing to do`);
    return existing;
  }
  if (plan.copyFrom === null) return foldInput(input, { ...flags, folder }, io);
  makeFolder(folder);
  const written = await copyChunks(plan, plan.copyFrom, name, path, { signal: io.signal });
  const elapsed_ms = Math.round(performance.now() - started);
  const peak_rss_bytes = process.resourceUsage().maxRSS * 1024;
  return describeArchive(written.manifest, written, { elapsed_ms, threads: 1, peak_rss_bytes });
}
