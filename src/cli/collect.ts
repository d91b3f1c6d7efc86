import { mkdirSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../archive/manifest.ts";
import { FoldError } from "../errors.ts";
import { ensurePrivate } from "../storage/private-folder.ts";
import { ProcessLock } from "../storage/process-lock.ts";
import { isUnusable, type ResultArchives, reasonOf } from "../storage/spaces/result-archives.ts";
import { withResults } from "../storage/spaces/results.ts";
import type { SpacesConfig } from "../storage/spaces/spaces-config.ts";
import { fromDatabaseError } from "../storage/spaces/sqlite-error.ts";
import { Survey, type Surveyed } from "../storage/spaces/survey.ts";
import type { CollectFlags } from "./collect-definition.ts";
import { type CollectedArchive, checkPlace, MERGED, mergeKept } from "./collect-merge.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import { storageConfig } from "./job-storage.ts";
import { formatBytes, formatCount, formatCounted, printable } from "./text.ts";

const REMOVED_AT_ONCE = 500;

/** `fold collect`: what workers without coordination have uploaded, each once, merged into one archive. */
export async function execute({ flags }: CommandArguments<CollectFlags>, io: CommandIo): Promise<number> {
  const { dryRun, out, upload, removeDuplicates } = flags;
  if (out !== null && upload !== null)
    throw new FoldError("usage", "--out and --upload exclude each other", "give one");
  if (!dryRun && !removeDuplicates && out === null && upload === null) {
    const hint = "give --out FILE or --upload NAME; --dry-run only shows what there is";
    throw new FoldError("usage", "collect has to know where the merged archive goes", hint);
  }
  const config = storageConfig({ storageBackend: "spaces", stateDir: null }, io);
  if (config.backend !== "spaces") throw new Error("asked for Spaces, and got something else");
  const problem = await inWorkFolder(config, flags, (folder) =>
    withResults(config, (archives) => new Collection(archives, folder, flags, io).run()),
  );
  if (problem !== null) throw problem;
  return 0;
}

/**
 * Do it in a folder that stays when this is stopped, so that the same command goes on; two at once would be in each
 * other's way.
 */
async function inWorkFolder<T>(
  { cacheDir, buckets, spaces }: SpacesConfig,
  { prefix, out, upload, dryRun }: CollectFlags,
  act: (folder: string) => Promise<T>,
): Promise<T> {
  const what = JSON.stringify([spaces.endpoint, buckets.results, prefix, out, upload, dryRun]);
  const folders = join(cacheDir, "collect");
  const folder = join(folders, sha256(new TextEncoder().encode(what)).slice(0, 16));
  let lock: ProcessLock | null = null;
  try {
    ensurePrivate(folders);
    lock = await ProcessLock.take(`${folder}.lock`);
    if (lock === null) {
      throw new FoldError("conflict", "the same collection is under way already", "wait for its end, then try again");
    }
    mkdirSync(folder, { recursive: true });
    tidy(folder);
    const result = await act(folder);
    rmSync(folder, { recursive: true, force: true });
    return result;
  } catch (error) {
    throw fromDatabaseError(error, folder);
  } finally {
    if (lock !== null) removeEmpty(folder);
    lock?.release();
  }
}

/** Remove what one that was killed has left here, but for the archive that was to be and its finished parts. */
function tidy(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(MERGED)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // There is work in it to go on from, or it is gone.
  }
}

/** One run of the command. */
class Collection {
  constructor(
    private readonly archives: ResultArchives,
    private readonly folder: string,
    private readonly flags: CollectFlags,
    private readonly io: CommandIo,
  ) {}

  /** @returns what was to be merged and could not be */
  async run(): Promise<FoldError | null> {
    const { dryRun, out, upload, removeDuplicates, maxDims: max_dims, minVolume: min_volume, latest } = this.flags;
    const isMerging = !dryRun && (out !== null || upload !== null);
    if (isMerging && out !== null) await checkPlace(out);
    const path = join(this.folder, "survey.db");
    const survey = new Survey(path);
    try {
      await this.list(survey);
      await this.proveDoubtful(survey);
      const choice = { max_dims, min_volume, latest };
      survey.judge(choice);
      const { archives, folder, flags, io } = this;
      const merged = isMerging ? await mergeKept({ survey, choice, archives, folder, flags, io }) : null;
      const removed = !dryRun && removeDuplicates ? await this.removeDuplicates(survey) : 0;
      this.report(survey, merged, removed);
      return problemOf(survey);
    } finally {
      survey.close();
      rmSync(path, { force: true });
    }
  }

  private async list(survey: Survey): Promise<void> {
    const { signal } = this.io;
    for await (const page of this.archives.pages(this.flags.prefix, { signal })) {
      survey.add(page.filter((object) => object.facts !== null));
      for (const object of page) {
        if (object.facts !== null) continue;
        // It has to be read to know what it is.
        try {
          survey.add([await this.archives.withFacts(object, { signal })]);
        } catch (error) {
          if (!isUnusable(error)) throw error;
          survey.addDamaged(object, reasonOf(object, error));
        }
      }
    }
  }

  /** What an archive says decides nothing where the bytes that are there contradict it: it is read. */
  private async proveDoubtful(survey: Survey): Promise<void> {
    const proven = new Set<string>();
    for (;;) {
      const doubtful = survey.doubtful().filter(({ key }) => !proven.has(key));
      if (doubtful.length === 0) return;
      for (const one of doubtful) if (await this.isWhole(survey, one)) proven.add(one.key);
    }
  }

  /** Remove what another archive is equal to, which is read back before. */
  private async removeDuplicates(survey: Survey): Promise<number> {
    const { signal } = this.io;
    let removed = 0;
    let keeper = "";
    for (let after = ""; ; ) {
      const page = survey.duplicates(after, REMOVED_AT_ONCE);
      if (page.length === 0) return removed;
      const keys: string[] = [];
      for (const { key, tar } of page) {
        after = key;
        const kept = survey.keeperOf(tar);
        if (kept === null) continue;
        if (kept.key !== keeper && !(await this.isWhole(survey, kept))) continue;
        keeper = kept.key;
        keys.push(key);
      }
      await this.archives.remove(keys, { signal });
      removed += keys.length;
    }
  }

  /** Whether an archive is what it says, by all that is in the bucket; one that is not is set aside. */
  private async isWhole(survey: Survey, object: Surveyed): Promise<boolean> {
    const path = join(this.folder, "proof.tar.zst");
    try {
      await this.archives.fetch(object, path, { signal: this.io.signal, isProof: true });
      return true;
    } catch (error) {
      if (!isUnusable(error)) throw error;
      survey.replaceDamaged(object.key, reasonOf(object, error));
      return false;
    } finally {
      rmSync(path, { force: true });
    }
  }

  private report(survey: Survey, merged: CollectedArchive | null, removed: number): void {
    const { output } = this.io;
    const { json, dryRun, quiet } = this.flags;
    const fates = ["kept", "duplicate", "left out", "incomplete", "damaged"] as const;
    const [kept, duplicates, left_out, incomplete, damaged] = fates.map((fate) => survey.count(fate));
    if (json) {
      for (const { key, input, fate, reason } of survey.all())
        output.json({ event: "archive", key, input, fate, reason });
      const counts = { inputs: survey.inputs(), kept, duplicates, left_out, incomplete, damaged, removed };
      output.json({ event: "end", ...counts, dry_run: dryRun, merged: merged === null ? null : jsonOf(merged) });
      return;
    }
    if (quiet) return;
    const listed = ({ key, fate, reason }: { key: string; fate: string; reason: string }) =>
      `${key}: ${fate}${reason === "" ? "" : `, ${reason}`}`;
    for (const one of survey.all()) if (dryRun || one.reason !== "") output.line(printable(listed(one)));
    const counts = fates.map((fate) => `${formatCount(survey.count(fate))} ${fate}`).join(", ");
    output.line(`${formatCounted(survey.inputs(), "input")}: ${counts}`);
    if (removed > 0) output.line(`removed ${formatCounted(removed, "duplicate")}`);
    if (merged !== null) output.line(mergedLine(merged));
  }
}

function jsonOf({ isNew, ...merged }: CollectedArchive) {
  return { ...merged, is_new: isNew };
}

function mergedLine({ place, name, orthos, size_bytes, isNew }: CollectedArchive): string {
  const what = `${formatCount(orthos)} orthos, ${formatBytes(size_bytes)}`;
  return isNew ? `${place}: ${name}, ${what}` : `${place}: ${name}, ${what}; it was there already`;
}

/** What was to be merged and could not be. */
function problemOf(survey: Survey): FoldError | null {
  const problems = [
    [survey.count("incomplete"), "shard", "without all of its fellows"],
    [survey.count("damaged"), "archive", "damaged"],
  ] as const;
  const told = problems
    .filter(([count]) => count > 0)
    .map(([count, noun, what]) => `${formatCounted(count, noun)} ${what}`);
  if (told.length === 0) return null;
  return new FoldError("partial", told.join("; "), "fold what is missing again, then collect again");
}
