import { existsSync } from "node:fs";
import { encodeInterner } from "../archive/interner.ts";
import { type Manifest, sha256 } from "../archive/manifest.ts";
import { Archive } from "../archive/reader.ts";
import type { ArchiveIdentity } from "../archive/writer.ts";
import type { Corpus } from "../core/corpus.ts";
import { FoldError } from "../errors.ts";

/**
 * The archive that stands at a path already, if it is what folding or merging would put there.
 *
 * @returns the open archive, or why it is another: `none`, `other` (another text or options), or `damaged`
 */
export async function findArchive(
  path: string,
  identity: ArchiveIdentity,
  corpus: Corpus,
): Promise<Archive | "none" | "other" | "damaged"> {
  // Mostly there is none, and an error takes longer to make than to avoid.
  if (!existsSync(path)) return "none";
  let archive: Archive;
  try {
    archive = await Archive.open(path);
  } catch (error) {
    if (error instanceof FoldError && error.code === "not_found") return "none";
    if (error instanceof FoldError && error.code === "corrupt") return "damaged";
    throw error;
  }
  if (isSame(archive.manifest, identity, corpus)) return archive;
  archive.close();
  return "other";
}

function isSame(manifest: Manifest, identity: ArchiveIdentity, corpus: Corpus): boolean {
  const key = ({ name, lineage, sources, options }: ArchiveIdentity) =>
    JSON.stringify([name, lineage, sources, options.max_dims, options.min_volume, options.shard]);
  return key(manifest) === key(identity) && manifest.interner.sha256 === sha256(encodeInterner(corpus));
}
