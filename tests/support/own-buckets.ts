// Buckets that belong together, as those of a fleet: one for each use, made and removed as one.
import { Bucket } from "../../src/s3/bucket.ts";
import { Connection } from "../../src/s3/connection.ts";
import { emptyBucket, newBucketName, removeBucketAndAll, spaces } from "./spaces.ts";

/** Buckets that no other test has. */
export class OwnBuckets<Use extends string> {
  private readonly connection = new Connection(spaces);
  /** By what they are for. */
  readonly of: Readonly<Record<Use, Bucket>>;

  private constructor(uses: readonly Use[]) {
    const prefix = newBucketName();
    const entries = uses.map((use) => [use, new Bucket(this.connection, `${prefix}-${use}`)] as const);
    this.of = Object.fromEntries(entries) as Record<Use, Bucket>;
  }

  /** @param areThere whether they are made; else it is only known what they will be called */
  static async make<Use extends string>(uses: readonly Use[], areThere = true): Promise<OwnBuckets<Use>> {
    const buckets = new OwnBuckets(uses);
    if (areThere) await Promise.all(buckets.all.map((bucket) => bucket.ensure()));
    return buckets;
  }

  get all(): readonly Bucket[] {
    return Object.values<Bucket>(this.of);
  }

  /** Their names, by what they are for. */
  get names(): Readonly<Record<Use, string>> {
    const entries = Object.entries<Bucket>(this.of).map(([use, { name }]) => [use, name] as const);
    return Object.fromEntries(entries) as Record<Use, string>;
  }

  /** Remove what is in them. */
  async empty(): Promise<void> {
    await Promise.all(this.all.map((bucket) => emptyBucket(bucket)));
  }

  async remove(): Promise<void> {
    await Promise.all(this.all.map((bucket) => removeBucketAndAll(bucket)));
  }
}
