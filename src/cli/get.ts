import { renameSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { syncFolder } from "../disk.ts";
import { FoldError, fromSystemError } from "../errors.ts";
import { BucketArchives } from "../storage/cloud/bucket-archives.ts";
import { statOf } from "../store/files.ts";
import { archiveNamed } from "./archive-named.ts";
import { withCloud } from "./cloud.ts";
import type { GetFlags } from "./cloud-definitions.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import { withFolderBeside } from "./folder-beside.ts";
import { formatBytes } from "./text.ts";

/** `fold get ARCHIVE`: download an archive, compared with what is known of it, under its name or another. */
export async function execute({ parameters, flags }: CommandArguments<GetFlags>, io: CommandIo): Promise<number> {
  const [named] = parameters;
  await withCloud(io, async (cloud) => {
    const row = await archiveNamed(await cloud.database(), named);
    const path = placeOf(flags, `${basename(row.name)}.tar.zst`);
    // Beside its place, so that what is there stays until the new one is whole.
    await withFolderBeside(path, async (half) => {
      await new BucketArchives(cloud.results, cloud.cache).fetch(row, half, { isToSync: true, signal: io.signal });
      giveName(half, path);
    });
    if (flags.json) io.output.json({ archive: row.name, path, size_bytes: row.size_bytes, tar_sha256: row.tarSha256 });
    else io.output.line(`${path}: ${formatBytes(row.size_bytes)}`);
  });
  return 0;
}

/** Where the archive goes; what cannot be is told before anything is fetched. */
function placeOf({ out, force }: GetFlags, name: string): string {
  const path = out === null ? name : out.endsWith("/") || statOf(out)?.isDirectory() ? join(out, name) : out;
  const there = statOf(path);
  if (there?.isFile() === false) throw new FoldError("usage", `${path} is there and no file`, "give another --out");
  if (there !== null && !force) {
    throw new FoldError("usage", `${path} is there already`, "give another --out, or --force to replace it");
  }
  const folder = dirname(path);
  if (statOf(folder)?.isDirectory() !== true) {
    throw new FoldError(
      "not_found",
      `there is no folder ${folder} for ${basename(path)}`,
      "make it, or give another --out",
    );
  }
  return path;
}

function giveName(half: string, path: string): void {
  try {
    renameSync(half, path);
    syncFolder(dirname(path));
  } catch (error) {
    throw fromSystemError(error, "rename the file", path);
  }
}
