import { statSync } from "node:fs";
import { archiveName } from "../archive/archive-name.ts";
import type { Manifest } from "../archive/manifest.ts";
import { Archive } from "../archive/reader.ts";
import type { WrittenArchive } from "../archive/writer.ts";
import { FoldError } from "../errors.ts";
import { pathOfName } from "./names.ts";
import type { ArchiveEntry } from "./port.ts";

/**
 * What an archive file is, as storages list it.
 *
 * @throws FoldError `not_found`, `unreadable` or `corrupt`
 */
export async function describeArchive(path: string): Promise<ArchiveEntry> {
  const archive = await Archive.open(path);
  try {
    return entryOf(archive.manifest, archive.sizeBytes, await archive.tarSha256());
  } finally {
    archive.close();
  }
}

/** How an archive is listed: by the name of its text and whatever options are not the usual ones. */
export function entryOf(manifest: Manifest, size_bytes: number, tar_sha256: string): ArchiveEntry {
  const { name, options, orthos, lineage, interner } = manifest;
  const sizes = { size_bytes, sentences_bytes: interner.size };
  return { name: pathOfName(archiveName(name, options)), orthos, lineage, options, ...sizes, tar_sha256 };
}

/**
 * The same of a file that somebody has just fetched: one that is missing is as bad as one that is damaged.
 *
 * @throws FoldError `corrupt` or `unreadable`
 */
export async function describeWhole(file: string): Promise<ArchiveEntry> {
  try {
    return await describeArchive(file);
  } catch (error) {
    if (error instanceof FoldError && (error.code === "corrupt" || error.code === "not_found")) throw noArchive(file);
    throw error;
  }
}

/**
 * What an archive is that somebody has just written. Of its file no more is looked at than its size.
 *
 * @throws FoldError `corrupt` where no such file is
 */
export function describeWritten({ path, manifest, bytes, tarSha256 }: WrittenArchive): ArchiveEntry {
  if (statSync(path, { throwIfNoEntry: false })?.size !== bytes) throw noArchive(path);
  return entryOf(manifest, bytes, tarSha256);
}

/**
 * Decode an archive file to its last byte: what cannot be read back is not worth keeping. The second decoder takes three
 * times as long; `fold verify` has it.
 *
 * @throws FoldError `corrupt` or `unreadable`
 */
export async function checkDecoded(file: string, { tar_sha256 }: Pick<ArchiveEntry, "tar_sha256">): Promise<void> {
  const archive = await Archive.open(file);
  try {
    if ((await archive.decodedTarSha256()) !== tar_sha256) throw noArchive(file);
  } finally {
    archive.close();
  }
}

/** The error of a file that is no whole archive. */
function noArchive(file: string): FoldError {
  return new FoldError("corrupt", `${file} is no whole archive`, "make it again");
}
