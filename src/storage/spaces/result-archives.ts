import { rename, rm } from "node:fs/promises";
import { Archive } from "../../archive/reader.ts";
import { tarSha256ByFzstd } from "../../archive/second-decoder.ts";
import { FoldError } from "../../errors.ts";
import type { Bucket } from "../../s3/bucket.ts";
import { type Cache, LEAST_CACHED_BYTES } from "../../s3/cache.ts";
import type { Listed } from "../../s3/list.ts";
import type { CallOptions } from "../../s3/place.ts";
import { hasDotSteps } from "../../s3/sign.ts";
import { describeArchive } from "../describe-archive.ts";
import type { ArchiveEntry } from "../port.ts";
import { withTemporaryFolder } from "../temporary-folder.ts";
import {
  type ArchiveFacts,
  areOfOne,
  type FoldedText,
  factsOf,
  fromMetadata,
  saidOnly,
  toMetadata,
} from "./archive-facts.ts";
import { keyPart, keyPartOf, timeOf } from "./keys.ts";

const LOOKS_AT_ONCE = 8;

/** An archive in the bucket. */
export interface ArchiveObject {
  readonly key: string;
  readonly size_bytes: number;
  /** Of the bytes that are there, as the other side says. */
  readonly etag: string;
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
  readonly said: Said;
}

type Said = ReturnType<typeof saidOnly>;

export interface PutArchiveOptions extends CallOptions {
  /** It may have been begun before by somebody who is gone: what that has left goes. */
  readonly isAgain?: boolean;
}

export interface FetchArchiveOptions extends CallOptions {
  /** Read from the bucket and decoded to its end, whatever is at hand and was said: before what cannot be undone. */
  readonly isProof?: boolean;
}

export interface PageOptions extends CallOptions {
  /** Others are not looked at. */
  readonly isWanted?: (key: string) => boolean;
}

/** The archives in a bucket, each described by its own metadata. */
export class ResultArchives {
  constructor(
    private readonly bucket: Bucket,
    private readonly cache: Cache,
  ) {}

  /** Upload an archive file under a key. */
  async put(
    key: string,
    file: string,
    { name, tar_sha256 }: Pick<ArchiveEntry, "name" | "tar_sha256">,
    text: FoldedText,
    { isAgain = false, signal }: PutArchiveOptions = {},
  ): Promise<void> {
    const archive = await Archive.open(file);
    archive.close();
    const { manifest } = archive;
    const metadata = toMetadata(factsOf(manifest, name, tar_sha256, text), manifest);
    if (isAgain) await this.endUploads(key, signal);
    await this.bucket.putFile(key, file, { metadata, signal });
  }

  /** All objects that may be archives, in the order of their keys, a page at a time. */
  async *pages(prefix: string, options: PageOptions = {}): AsyncGenerator<(ArchiveObject | UnknownObject)[]> {
    const { isWanted = () => true } = options;
    for await (const page of this.bucket.list(prefix, options)) {
      const listed = page.filter(({ key }) => key.endsWith(".tar.zst") && isWanted(key));
      const looked = await inTurns(listed, (object) => this.look(object, options));
      yield looked.filter((object) => object !== null);
    }
  }

  /** The archives below a prefix that workers of this kind have put there, of which the keys are wanted. */
  async inKeys(prefix: string, isWanted: (part: string) => boolean): Promise<ArchiveObject[]> {
    const found: ArchiveObject[] = [];
    const isOurs = (key: string) => {
      const part = keyPartOf(key);
      return part !== null && isWanted(part);
    };
    for await (const page of this.pages(prefix, { isWanted: isOurs })) {
      for (const object of page) {
        try {
          found.push(await this.withFacts(object));
        } catch (error) {
          // What is no archive is not listed.
          if (!isUnusable(error)) throw error;
        }
      }
    }
    return found;
  }

  /** The archives of one name. The key of an archive starts with its name, so only few have to be looked at. */
  async named(name: string): Promise<ArchiveObject[]> {
    const found = await this.inKeys(`${keyPart(name)}_`, (part) => part === keyPart(name));
    return found.filter(({ facts }) => facts.name === name);
  }

  /** All archives that workers of this kind have put there. */
  async all(): Promise<ArchiveObject[]> {
    return await this.inKeys("", () => true);
  }

  /**
   * The object with facts: those of its metadata, else of the archive itself.
   *
   * @throws FoldError `corrupt` or `not_found` where it is none
   */
  async withFacts(object: ArchiveObject | UnknownObject, options: CallOptions = {}): Promise<ArchiveObject> {
    if (object.facts !== null) return object;
    return await withTemporaryFolder((folder) => this.fetch(object, `${folder}/archive.tar.zst`, options));
  }

  /**
   * Fetch an archive into a file, compared with what is known of it.
   *
   * @returns the archive as it says itself
   * @throws FoldError `corrupt` when it is damaged or no archive, `not_found` when it is gone
   */
  async fetch(
    object: ArchiveObject | UnknownObject,
    path: string,
    { signal, isProof = false }: FetchArchiveOptions = {},
  ): Promise<ArchiveObject> {
    const { key, size_bytes, etag, made_ms, sha256, facts } = object;
    if (hasDotSteps(key)) throw noArchive(key, "a key with . or .. between slashes cannot be asked for");
    const half = `${path}.part`;
    const download = async () => void (await this.bucket.getFile(key, half, { signal, isToSync: false }));
    // Then nobody has vouched for the bytes.
    const isToDecode = isProof || sha256 === null;
    try {
      if (isToDecode || size_bytes < LEAST_CACHED_BYTES) await download();
      else await this.cache.take(sha256, half, download);
      const known = await describe(half, key, object.facts ?? object.said, isToDecode);
      if (facts !== null && !areOfOne(facts, known)) throw noArchive(key, "it is another than it says");
      await rename(half, path);
      return { key, size_bytes, etag, made_ms, sha256, facts: known };
    } finally {
      await rm(half, { force: true });
    }
  }

  async remove(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    if (keys.length > 0) await this.bucket.remove(keys, options);
  }

  /** What an object says of itself; null where there is none any more. */
  private async look(listed: Listed, options: CallOptions): Promise<ArchiveObject | UnknownObject | null> {
    const { key } = listed;
    const info = hasDotSteps(key) ? { ...listed, sha256: null, metadata: {} } : await this.bucket.head(key, options);
    if (info === null) return null;
    const { size_bytes, etag, sha256, metadata } = info;
    const made_ms = timeOf(key) ?? info.modified_ms;
    const facts = fromMetadata(metadata);
    if (facts === null) return { key, size_bytes, etag, made_ms, sha256, facts, said: saidOnly(metadata) };
    return { key, size_bytes, etag, made_ms, sha256, facts };
  }

  /** Nobody else uses this key. A key that may only write cannot; then the rule of the bucket does it in the end. */
  private async endUploads(key: string, signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.bucket.abortStaleUploads(key, Number.POSITIVE_INFINITY, { signal });
    } catch (error) {
      if (!(error instanceof FoldError && error.code === "refused")) throw error;
    }
  }
}

/** Why an object cannot be used, for a list that names it already. */
export function reasonOf({ key }: Pick<ArchiveObject, "key">, error: FoldError): string {
  return error.message.replace(`${key} cannot be used: `, "");
}

/** Whether an error says that there is no whole archive, and not that it could not be reached. */
export function isUnusable(error: unknown): error is FoldError {
  return error instanceof FoldError && (error.code === "corrupt" || error.code === "not_found");
}

async function describe(file: string, key: string, said: Said, isToDecode: boolean): Promise<ArchiveFacts> {
  try {
    const { name, tar_sha256 } = await describeArchive(file);
    if (isToDecode && (await tarSha256ByFzstd(file)) !== tar_sha256) throw notWhole(key);
    const archive = await Archive.open(file);
    archive.close();
    const { input, input_sha256, version } = said;
    return { ...factsOf(archive.manifest, name, tar_sha256, { input, input_sha256 }), version };
  } catch (error) {
    if (error instanceof FoldError && error.code === "corrupt") throw notWhole(key);
    throw error;
  }
}

function notWhole(key: string): FoldError {
  return noArchive(key, "it is no whole archive");
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
