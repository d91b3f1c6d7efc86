import { join } from "node:path";
import { formatLineage, type Lineage } from "../archive/lineage.ts";
import type { FoldOptions } from "../archive/manifest.ts";
import { CorpusBuilder } from "../core/corpus.ts";
import { FoldError } from "../errors.ts";
import { findTexts } from "../jobs/find-texts.ts";
import { type ReadText, readText, type TextPlace } from "../jobs/read-texts.ts";
import { hasWork } from "../jobs/spill.ts";
import { WalkThreads } from "../jobs/walk-threads.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import type { RunFlags } from "./definitions.ts";
import { eachText } from "./each-text.ts";
import { archivePath, checkFileName, type FoldInput, foldInput, printSummary, reportExisting } from "./fold.ts";

/** `fold run PATH...`: fold each text, or the union of all, and leave an archive of each. */
export async function execute({ parameters, flags }: CommandArguments<RunFlags>, io: CommandIo): Promise<number> {
  checkFlags(flags);
  const places = findTexts(parameters);
  checkNames(places, flags);
  const threads = new WalkThreads();
  try {
    if (flags.merge) await runOne(await readUnion(places, flags, io.signal), flags, threads, io);
    else await runEach(places, flags, threads, io);
    return 0;
  } finally {
    threads.close();
  }
}

async function runEach(
  places: readonly TextPlace[],
  flags: RunFlags,
  threads: WalkThreads,
  io: CommandIo,
): Promise<void> {
  await eachText(
    places,
    async (place) => runOne(await readOne(place, flags, io.signal), flags, threads, io),
    "folded",
    io,
  );
}

function checkFlags(flags: RunFlags): void {
  if (flags.resume && flags.fresh) {
    throw new FoldError("usage", "--resume and --fresh exclude each other", "leave out one of them");
  }
  if (flags.noArchive && (flags.resume || flags.out !== null)) {
    const other = flags.resume ? "--resume" : "--out";
    throw new FoldError("usage", `--no-archive keeps nothing, so ${other} has no meaning`, "leave out one of them");
  }
}

/** All are looked at before the first is folded: a mistake is told before it has cost anything. */
function checkNames(places: readonly TextPlace[], flags: RunFlags): void {
  if (flags.name !== null && places.length > 1 && !flags.merge) {
    throw new FoldError("usage", "--name can name one archive only", "leave it out, or join the texts with --merge");
  }
  if (flags.noArchive) return;
  const names = places.filter(({ trouble }) => trouble === undefined).map(({ name }) => flags.name ?? name);
  const options = optionsOf(flags);
  for (const name of flags.merge ? [flags.name ?? unionName(names)] : names) checkFileName({ name, options });
}

const unionName = (names: readonly string[]) => names.join("+");

function optionsOf({ maxDims, minVolume, shard }: RunFlags): FoldOptions {
  return { max_dims: maxDims, min_volume: minVolume, shard };
}

async function readOne(place: TextPlace, flags: RunFlags, signal: AbortSignal): Promise<FoldInput> {
  const { corpus, source } = await readText(place, signal);
  const name = flags.name ?? source.name;
  const named = { ...source, name };
  return { corpus, ...identity(name, { kind: "text", name }, [named], flags) };
}

async function readUnion(places: readonly TextPlace[], flags: RunFlags, signal: AbortSignal): Promise<FoldInput> {
  const builder = new CorpusBuilder();
  const sources: ReadText["source"][] = [];
  for (const place of places) {
    const { corpus, source } = await readText(place, signal);
    builder.addCorpus(corpus);
    sources.push(source);
  }
  const parts = sources.map(({ name }): Lineage => ({ kind: "text", name }));
  const name = flags.name ?? unionName(sources.map((source) => source.name));
  const lineage: Lineage = parts.length === 1 ? parts[0] : { kind: "merge", parts };
  return { corpus: builder.build(), ...identity(name, lineage, sources, flags) };
}

function identity(
  name: string,
  of: Lineage,
  sources: FoldInput["sources"],
  flags: RunFlags,
): Omit<FoldInput, "corpus"> {
  const { shard } = flags;
  const lineage: Lineage = shard === null ? of : { kind: "shard", of, shard: shard.number, shards: shard.of };
  return { name, lineage: formatLineage(lineage), sources, options: optionsOf(flags) };
}

async function runOne(input: FoldInput, flags: RunFlags, keptThreads: WalkThreads, io: CommandIo): Promise<void> {
  const folder = flags.noArchive ? null : (flags.out ?? join(io.config.stateDir, "archives"));
  if (folder !== null) {
    const path = archivePath(input, folder);
    if (flags.resume && !hasWork(path)) {
      throw new FoldError("not_found", `there is nothing to go on from for ${path}`, "leave out --resume to start");
    }
    const existing = flags.fresh ? null : await reportExisting(input, path, io);
    if (existing !== null) {
      if (flags.json) io.output.json(existing);
      else if (!flags.quiet) io.output.line(`${path}: already folded, nothing to do`);
      return;
    }
  }
  const report = await foldInput(input, { ...flags, keptThreads, folder }, io);
  if (flags.json) io.output.json(report);
  else if (!flags.quiet) printSummary(report, io);
}
