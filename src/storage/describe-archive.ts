import { archiveName } from "../archive/archive-name.ts";
import type { Manifest } from "../archive/manifest.ts";
import { Archive } from "../archive/reader.ts";
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
