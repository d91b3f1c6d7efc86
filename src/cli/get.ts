import { renameSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { FoldError, fromSystemError } from "../errors.ts";
import { BucketArchives } from "../storage/cloud/bucket-archives.ts";
import { archiveNamed } from "./archive-named.ts";
import { withCloud } from "./cloud.ts";
import type { GetFlags } from "./cloud-definitions.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import { formatBytes } from "./text.ts";

/** `fold get ARCHIVE`: download an archive, compared with what is known of it, under its name or another. */
export async function execute({ parameters, flags }: CommandArguments<GetFlags>, io: CommandIo): Promise<number> {
  const [named] = parameters;
  await withCloud(io, async (cloud) => {
    const row = await archiveNamed(await cloud.database(), named);
    const path = placeOf(flags.out, `${basename(row.name)}.tar.zst`);
    if (!flags.force && statSync(path, { throwIfNoEntry: false }) !== undefined) {
      throw new FoldError("usage", `${path} is there already`, "give another --out, or --force to replace it");
    }
    // Beside its place, so that what is there stays until the new one is whole.
    const half = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
    await new BucketArchives(cloud.results, cloud.cache).fetch(row, half, { isToSync: true, signal: io.signal });
    try {
      renameSync(half, path);
    } catch (error) {
      throw fromSystemError(error, "rename the file", path);
    }
    if (flags.json) io.output.json({ archive: row.name, path, size_bytes: row.size_bytes, tar_sha256: row.tarSha256 });
    else io.output.line(`${path}: ${formatBytes(row.size_bytes)}`);
  });
  return 0;
}

function placeOf(out: string | null, name: string): string {
  if (out === null) return name;
  return statSync(out, { throwIfNoEntry: false })?.isDirectory() || out.endsWith("/") ? join(out, name) : out;
}
