import { createHash } from "node:crypto";
import { rename, rm } from "node:fs/promises";
import { FoldError } from "../../errors.ts";
import type { Bucket } from "../../s3/bucket.ts";
import type { Cache } from "../../s3/cache.ts";
import { jobId, nameOfInput } from "./keys.ts";

/** A text as it lies in the input bucket at one moment. */
export interface InputText {
  readonly key: string;
  readonly job: string;
  readonly name: string;
  readonly size_bytes: number;
  readonly etag: string;
  /** Which text it is: another one under the same key has another, and so has the same one that was put there anew. */
  readonly version: string;
}

/** The texts that users have put into the input bucket. They stay as they are: fold only reads there. */
export class InputBucket {
  /** What was seen last under each key. */
  private readonly seen = new Map<string, InputText | null>();

  /** @param like all that makes two jobs with one text different */
  constructor(
    readonly bucket: Bucket,
    private readonly cache: Cache,
    private readonly like: readonly unknown[],
  ) {}

  jobOf(key: string): string {
    return jobId(nameOfInput(key), key, ...this.like);
  }

  /** What is under a key; null where there is nothing. */
  async look(key: string): Promise<InputText | null> {
    let found: InputText | null = null;
    // A list tells the time to the millisecond, and the key itself is the first of all that begin with it.
    for await (const page of this.bucket.list(key, { page: 1 })) {
      const [object] = page;
      if (object?.key === key) {
        const { etag, size_bytes, modified_ms } = object;
        const version = `${etag} ${modified_ms}`;
        found = { key, job: this.jobOf(key), name: nameOfInput(key), size_bytes, etag, version };
      }
      break;
    }
    this.seen.set(key, found);
    return found;
  }

  /** The same, as it was seen before: for what is looked at again and again while the network is left alone. */
  async recall(key: string): Promise<InputText | null> {
    const known = this.seen.get(key);
    return known === undefined ? await this.look(key) : known;
  }

  /**
   * Fetch a text as it was seen into a file.
   *
   * @returns SHA-256 of its bytes
   * @throws FoldError `not_found`; `conflict` when another one has taken its place
   */
  async fetch({ key, etag }: InputText, path: string): Promise<string> {
    const half = `${path}.part`;
    await rm(half, { force: true });
    const known = await this.bucket.head(key);
    if (known === null) throw this.noInput(key);
    if (known.etag !== etag) throw this.otherInput(key);
    const download = async () => {
      const { info } = await this.bucket.getFile(key, half);
      // What is known of the one does not hold for the other.
      if (info.etag !== etag) throw this.otherInput(key);
    };
    if (known.sha256 === null) await download();
    else await this.cache.take(known.sha256, half, download);
    await rename(half, path);
    return known.sha256 ?? (await sha256Of(path));
  }

  noInput(key: string): FoldError {
    const hint = "check the key and DO_SPACES_BUCKET_INPUT; the key is the whole name of the object, with its folders";
    return new FoldError("not_found", `there is no ${JSON.stringify(key)} in the bucket ${this.bucket.name}`, hint);
  }

  private otherInput(key: string): FoldError {
    const message = `${JSON.stringify(key)} in the bucket ${this.bucket.name} was replaced while it was fetched`;
    return new FoldError("conflict", message, "the next attempt takes what is there by then");
  }
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of Bun.file(path).stream()) hash.update(piece);
  return hash.digest("hex");
}
