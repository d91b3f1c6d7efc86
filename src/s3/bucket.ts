import { bucketExists, ensureBucket, ensureTidying, hasTidying, removeBucket, type Tidying } from "./buckets.ts";
import type { Connection } from "./connection.ts";
import { type Got, get } from "./get.ts";
import { type GetFileOptions, type GotFile, getFile } from "./get-file.ts";
import { head, type ObjectInfo } from "./head.ts";
import { type Listed, type ListOptions, list } from "./list.ts";
import { tryUpload } from "./multipart.ts";
import type { CallOptions, Place } from "./place.ts";
import { presign } from "./presign.ts";
import { type Condition, type PutOptions, put, putIf } from "./put.ts";
import { type PutFile, type PutFileOptions, putFile, putInParts } from "./put-file.ts";
import { remove } from "./remove.ts";
import { abortStaleUploads, type StaleOptions } from "./stale-uploads.ts";

/** A bucket: all that fold does with objects. Each call is tried again as far as that can help. */
export class Bucket {
  private readonly place: Place;

  constructor(
    connection: Connection,
    readonly name: string,
  ) {
    this.place = { connection, bucket: name };
  }

  /** See put: bytes under a key, whatever is there; the ETag. */
  put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<string> {
    return put(this.place, key, bytes, options);
  }

  /** See putIf: bytes under a key that is free or unchanged; the ETag, or null when somebody else was faster. */
  putIf(key: string, bytes: Uint8Array, condition: Condition, options?: PutOptions): Promise<string | null> {
    return putIf(this.place, key, bytes, condition, options);
  }

  /** See putFile: a file of any size. */
  putFile(key: string, path: string, options?: PutFileOptions): Promise<PutFile> {
    return putFile(this.place, key, path, options);
  }

  /** See putInParts: what `putFile` does with large files, tried on a small scale. */
  putInParts(key: string, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    return putInParts(this.place, key, bytes, options);
  }

  /** See tryUpload: whether objects may be put here. */
  tryUpload(key: string, options?: CallOptions): Promise<void> {
    return tryUpload(this.place, key, options);
  }

  /** See get: an object of at most so many bytes. */
  get(key: string, most_bytes: number, options?: CallOptions): Promise<Got> {
    return get(this.place, key, most_bytes, options);
  }

  /** See getFile: an object of any size into a file. */
  getFile(key: string, path: string, options?: GetFileOptions): Promise<GotFile> {
    return getFile(this.place, key, path, options);
  }

  /** What is known of an object; null where there is none. */
  head(key: string, options?: CallOptions): Promise<ObjectInfo | null> {
    return head(this.place, key, options);
  }

  /** See list: the objects under a prefix, a page at a time. */
  list(prefix: string, options?: ListOptions): AsyncGenerator<readonly Listed[]> {
    return list(this.place, prefix, options);
  }

  /** See remove: any number of objects. */
  remove(keys: readonly string[], options?: CallOptions): Promise<void> {
    return remove(this.place, keys, options);
  }

  /** See presign: a URL that anybody can read an object by. */
  presign(key: string, expires_s: number, saveAs?: string): string {
    return presign(this.place, key, expires_s, saveAs);
  }

  /** See abortStaleUploads: what uploads have left that were begun before a point in time. */
  abortStaleUploads(prefix: string, before_ms: number, options?: StaleOptions): Promise<number> {
    return abortStaleUploads(this.place, prefix, before_ms, options);
  }

  /** Whether the bucket itself is there. */
  exists(options?: CallOptions): Promise<boolean> {
    return bucketExists(this.place, options);
  }

  /** See ensureBucket: whether it was made now. */
  ensure(options?: CallOptions): Promise<boolean> {
    return ensureBucket(this.place, options);
  }

  /** See ensureTidying: whether a rule had to be changed. */
  ensureTidying(tidying: Tidying, options?: CallOptions): Promise<boolean> {
    return ensureTidying(this.place, tidying, options);
  }

  /** Whether the bucket throws away what it should. */
  hasTidying(tidying: Tidying, options?: CallOptions): Promise<boolean> {
    return hasTidying(this.place, tidying, options);
  }

  /** Remove the bucket itself, which must be empty. */
  removeItself(options?: CallOptions): Promise<void> {
    return removeBucket(this.place, options);
  }
}
