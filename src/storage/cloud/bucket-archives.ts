import { rename, rm } from "node:fs/promises";
import type { WrittenArchive } from "../../archive/writer.ts";
import type { ArchiveRow } from "../../db/rows.ts";
import { FoldError } from "../../errors.ts";
import type { Bucket } from "../../s3/bucket.ts";
import { type Cache, LEAST_CACHED_BYTES } from "../../s3/cache.ts";
import { checkDecoded, describeWhole, describeWritten } from "../describe-archive.ts";
import { fetchedInterner } from "../fetched-interner.ts";
import type { ArchiveEntry } from "../port.ts";
import { newArchiveKey } from "./keys.ts";

export interface FetchOptions {
  /** Whether the file is to survive a power cut. */
  readonly isToSync?: boolean;
  readonly signal?: AbortSignal;
}

/** An archive that is whole in the bucket and has no row yet. */
export interface Uploaded {
  readonly key: string;
  readonly entry: ArchiveEntry;
}

/** Archives in the bucket for results. */
export class BucketArchives {
  /** @param cache keeps copies of what was fetched and put */
  constructor(
    private readonly bucket: Bucket,
    private readonly cache: Cache,
  ) {}

  /**
   * Upload a finished archive, which is decoded meanwhile, as the network leaves time for that. The file moves into the
   * cache: whoever has made an archive is often the one who merges it.
   *
   * @throws FoldError `corrupt` for what is no whole archive
   */
  async upload(archive: WrittenArchive): Promise<Uploaded> {
    const { path: file } = archive;
    const entry = describeWritten(archive);
    const key = newArchiveKey();
    const metadata = { "fold-tar-sha256": entry.tar_sha256 };
    const decoding = checkDecoded(file, entry);
    // Told below, when the upload has ended.
    decoding.catch(() => {});
    const { sha256 } = await this.bucket.putFile(key, file, { metadata });
    try {
      await decoding;
    } catch (error) {
      // `fold gc` removes it otherwise.
      await this.bucket.remove([key]).catch(() => {});
      throw error;
    }
    if (entry.size_bytes >= LEAST_CACHED_BYTES) {
      const kept = `${file}.kept`;
      await this.cache.take(sha256, kept, () => rename(file, kept));
    }
    return { key, entry };
  }

  /**
   * Fetch an archive into a file, compared with what its row says of it.
   *
   * @throws FoldError `corrupt` when something else is there
   */
  async fetch(
    { s3Key, size_bytes, tarSha256, name }: ArchiveRow,
    path: string,
    { isToSync, signal }: FetchOptions = {},
  ): Promise<void> {
    const half = `${path}.part`;
    const download = async () => void (await this.bucket.getFile(s3Key, half, { isToSync: isToSync ?? false, signal }));
    const known = size_bytes < LEAST_CACHED_BYTES ? null : await this.bucket.head(s3Key, { signal });
    if (known === null || known.sha256 === null) await download();
    else await this.cache.take(known.sha256, half, download);
    try {
      // The hash that came with the object says that it is whole; this one, that it is the one.
      const found = await describeWhole(half);
      if (found.size_bytes !== size_bytes || found.tar_sha256 !== tarSha256) {
        throw new FoldError("corrupt", `archive ${name} is not what was put there`, "fold its text again");
      }
      await rename(half, path);
    } finally {
      await rm(half, { force: true });
    }
  }

  /** Whether one of them is in the bucket, whatever it is. */
  async hasAny(rows: readonly ArchiveRow[]): Promise<boolean> {
    for (const { s3Key } of rows) if ((await this.bucket.head(s3Key)) !== null) return true;
    return false;
  }

  /** The sentences of an archive, encoded. */
  async interner(row: ArchiveRow): Promise<Uint8Array> {
    return await fetchedInterner(row.name, (path) => this.fetch(row, path));
  }

  async remove(keys: readonly string[]): Promise<void> {
    if (keys.length > 0) await this.bucket.remove(keys);
  }
}
