import { realpathSync } from "node:fs";
import { join } from "node:path";
import { readReleases } from "../config.ts";
import { FoldError } from "../errors.ts";
import { version } from "../version.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import { Release } from "./release.ts";
import { bringBack, identityOf, keptOf, previousOf, replaceProgram, withFolderBeside } from "./replace-program.ts";
import { formatBytes } from "./text.ts";
import { tryProgram } from "./try-program.ts";
import type { UpgradeFlags } from "./upgrade-definition.ts";

/** What an upgrade or its rollback did. */
interface UpgradeReport {
  readonly from: string;
  readonly to: string;
  readonly path: string;
  /** Where the program that was replaced is kept; null where nothing was to be done. */
  readonly previous: string | null;
}

/** `fold upgrade`: download a release, verify it, try it, and put it in this program's place. */
export async function execute({ flags }: CommandArguments<UpgradeFlags>, io: CommandIo): Promise<number> {
  const path = ownPath();
  if (flags.rollback && flags.version !== null) {
    throw new FoldError("usage", "--rollback and --version exclude each other", "leave out one of them");
  }
  const report = flags.rollback ? await rollBack(path) : await upgrade(path, flags.version, io);
  if (flags.json) io.output.json(report);
  else for (const line of lines(report, io)) io.output.line(line);
  return 0;
}

/** The file that this program is, whatever links lead to it. */
function ownPath(): string {
  if (!Bun.isStandaloneExecutable) {
    throw new FoldError(
      "usage",
      "fold runs from its sources and cannot replace itself",
      "take the new sources with git",
    );
  }
  if (process.platform === "win32") {
    throw new FoldError("usage", "a running program cannot be replaced on Windows", "unpack the .zip of the release");
  }
  try {
    return realpathSync(process.execPath);
  } catch (error) {
    throw new FoldError(
      "not_found",
      `${process.execPath} is no longer there`,
      "call the program that took its place",
      error,
    );
  }
}

async function upgrade(path: string, wanted: string | null, io: CommandIo): Promise<UpgradeReport> {
  const was = identityOf(path);
  const nothingToDo = { from: version.fold, to: version.fold, path, previous: null };
  const release = await Release.open(readReleases(), wanted, version.target, io.signal);
  if (await release.isProgram(path)) return nothingToDo;
  return await withFolderBeside(path, async (folder) => {
    const program = join(folder, "program");
    await release.download(program, (size_bytes) => {
      io.output.note(`downloading ${size_bytes === null ? "" : `${formatBytes(size_bytes)} from `}${release.address}`);
    });
    // Ctrl-C in a terminal stops the program that is tried, too.
    const to = await tryProgram(program).finally(() => stopIfAsked(io.signal));
    if (wanted === null && Bun.semver.order(to, version.fold) < 0) {
      throw new FoldError(
        "refused",
        `the latest release is ${to}, older than this program, ${version.fold}`,
        `\`fold upgrade --version ${to}\` installs it all the same`,
      );
    }
    // Another upgrade may have been faster: the program before both must stay the one to go back to.
    if (identityOf(path) !== was && (await release.isProgram(path))) return { ...nothingToDo, to };
    replaceProgram(path, program, folder, was);
    return { from: version.fold, to, path, previous: previousOf(path) };
  });
}

async function rollBack(path: string): Promise<UpgradeReport> {
  const [previous, kept, was] = [previousOf(path), keptOf(path), identityOf(path)];
  if (kept === null) {
    throw new FoldError("not_found", `there is no ${previous}`, "only what an upgrade replaced can be brought back");
  }
  const to = await tryProgram(kept);
  await withFolderBeside(path, (folder) => bringBack(path, folder, was));
  return { from: version.fold, to, path, previous };
}

function stopIfAsked(signal: AbortSignal): void {
  if (signal.aborted) throw new FoldError("interrupted", "stopped; nothing was changed", "run the same command again");
}

function lines({ from, to, path, previous }: UpgradeReport, { program }: CommandIo): string[] {
  if (previous === null) return [`${path} is ${to} already`];
  return [`${path} is now ${to}; it was ${from}`, `\`${program} upgrade --rollback\` changes back`];
}
