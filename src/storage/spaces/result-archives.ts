import { rename, rm } from "node:fs/promises";
import { Archive } from "../../archive/reader.ts";
import { FoldError } from "../../errors.ts";
import type { Bucket } from "../../s3/bucket.ts";
import type { Cache } from "../../s3/cache.ts";
import type { CallOptions } from "../../s3/place.ts";
import { describeArchive } from "../describe-archive.ts";
import { withTemporaryFolder } from "../temporary-folder.ts";
import { type ArchiveFacts, factsOf, fromMetadata, saidOnly, toMetadata } from "./archive-facts.ts";
import { keyPart, keyPartOf, timeOf } from "./keys.ts";

const LOOKS_AT_ONCE = 8;

/** An archive in the bucket. */
export interface ArchiveObject {
  readonly key: string;
  readonly size_bytes: number;
  /** When it was made, as the key says; of other keys, when it was put there. */
  readonly made_ms: number;
  /** Of the object's bytes, as whoever put it there said; null where nobody did. */
  readonly sha256: string | null;
  readonly facts: ArchiveFacts;
}

/** An object in the bucket that does not say, or not wholly, what archive it is. */
export interface UnknownObject extends Omit<ArchiveObject, "facts"> {
  readonly facts: null;
  /** What it says, and an archive itself could not. */
  readonly said: ReturnType<typeof saidOnly>;
}

/** The archives in a bucket, each described by its own metadata. */
export class ResultArchives {
  constructor(
    private readonly bucket: Bucket,
    private readonly cache: Cache,
  ) {}

  /** Upload an archive file under a key. */
  async put(key: string, file: string, facts: ArchiveFacts, signal?: AbortSignal): Promise<void> {
    const archive = await Archive.open(file);
    const metadata = toMetadata(facts, archive.manifest);
    archive.close();
    await this.bucket.putFile(key, file, { metadata, signal });
  }

  /** All objects that may be archives, in the order of their keys, a page at a time. */
  async *pages(prefix: string, options: CallOptions = {}): AsyncGenerator<(ArchiveObject | UnknownObject)[]> {
    for await (const page of this.bucket.list(prefix, options)) {
      const keys = page.map(({ key }) => key).filter((key) => key.endsWith(".tar.zst"));
      const looked = await inTurns(keys, (key) => this.look(key, options));
      yield looked.filter((object) => object !== null);
    }
  }

  /**
   * The archives of one name, in the order in which they came; of equal ones the first. The key of an archive starts
   * with its name, so only few have to be looked at.
   */
  async named(name: string): Promise<ArchiveObject[]> {
    const found: ArchiveObject[] = [];
    for await (const page of this.pages(`${keyPart(name)}_`)) {
      for (const object of page)
        if (keyPartOf(object.key) === keyPart(name)) found.push(...(await this.described(object)));
    }
    return distinct(found.filter(({ facts }) => facts.name === name));
  }

  /** All archives that workers of this kind have put there. */
  async all(): Promise<ArchiveObject[]> {
    const found: ArchiveObject[] = [];
    for await (const page of this.pages("")) {
      for (const object of page) if (keyPartOf(object.key) !== null) found.push(...(await this.described(object)));
    }
    return found;
  }

  /** The object with facts: those of its metadata, else of the archive itself; nothing where it is none. */
  async described(object: ArchiveObject | UnknownObject): Promise<ArchiveObject[]> {
    if (object.facts !== null) return [object];
    try {
      return [await withTemporaryFolder((folder) => this.fetch(object, `${folder}/archive.tar.zst`))];
    } catch (error) {
      if (error instanceof FoldError && (error.code === "corrupt" || error.code === "not_found")) return [];
      throw error;
    }
  }

  /**
   * Fetch an archive into a file, compared with what is known of it.
   *
   * @returns the archive as it says itself
   * @throws FoldError `corrupt` when it is damaged or no archive, `not_found` when it is gone
   */
  async fetch(object: ArchiveObject | UnknownObject, path: string, signal?: AbortSignal): Promise<ArchiveObject> {
    const { key, sha256, facts } = object;
    const half = `${path}.part`;
    const download = async () => void (await this.bucket.getFile(key, half, { signal, isToSync: false }));
    try {
      if (sha256 === null) await download();
      else await this.cache.take(sha256, half, download);
      const known = await describe(half, key, object.facts ?? object.said);
      if (facts !== null && facts.tar_sha256 !== known.tar_sha256) throw noArchive(key, "it is another than it says");
      await rename(half, path);
      const { size_bytes, made_ms } = object;
      return { key, size_bytes, made_ms, sha256, facts: known };
    } finally {
      await rm(half, { force: true });
    }
  }

  async remove(keys: readonly string[]): Promise<void> {
    if (keys.length > 0) await this.bucket.remove(keys);
  }

  /** What an object says of itself; null where there is none any more. */
  private async look(key: string, options: CallOptions): Promise<ArchiveObject | UnknownObject | null> {
    const info = await this.bucket.head(key, options);
    if (info === null) return null;
    const { size_bytes, sha256, metadata } = info;
    const made_ms = timeOf(key) ?? info.modified_ms;
    const facts = fromMetadata(metadata);
    if (facts === null) return { key, size_bytes, made_ms, sha256, facts, said: saidOnly(metadata) };
    return { key, size_bytes, made_ms, sha256, facts };
  }
}

/** Of archives of one name: by the time in their keys, and of equal ones the first. */
function distinct(found: readonly ArchiveObject[]): ArchiveObject[] {
  const byTar = new Map<string, ArchiveObject>();
  for (const object of found) if (!byTar.has(object.facts.tar_sha256)) byTar.set(object.facts.tar_sha256, object);
  return [...byTar.values()];
}

async function describe(file: string, key: string, said: ReturnType<typeof saidOnly>): Promise<ArchiveFacts> {
  try {
    const { name, tar_sha256 } = await describeArchive(file);
    const archive = await Archive.open(file);
    try {
      const { input, input_sha256, version } = said;
      return { ...factsOf(archive.manifest, name, tar_sha256, { input, input_sha256 }), version };
    } finally {
      archive.close();
    }
  } catch (error) {
    if (error instanceof FoldError && error.code === "corrupt") throw noArchive(key, "it is no whole archive");
    throw error;
  }
}

function noArchive(key: string, why: string): FoldError {
  return new FoldError("corrupt", `${key} cannot be used: ${why}`, "fold its text again");
}

/** Do something for each of many, some at a time; the results in their order. */
export async function inTurns<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const turn = async () => {
    while (next < items.length) {
      const at = next++;
      results[at] = await act(items[at] as T);
    }
  };
  await Promise.all(Array.from({ length: LOOKS_AT_ONCE }, turn));
  return results;
}
