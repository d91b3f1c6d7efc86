import { join } from "node:path";
import type { FirstContact } from "../../db/contact.ts";
import { type Database, openDatabase } from "../../db/database.ts";
import { fleetIdentity } from "../../db/fleet-identity.ts";
import { checkSchema } from "../../db/migrations.ts";
import { FoldError } from "../../errors.ts";
import { Bucket } from "../../s3/bucket.ts";
import { Cache } from "../../s3/cache.ts";
import { Connection } from "../../s3/connection.ts";
import type { CallOptions } from "../../s3/place.ts";
import { mayBeThere } from "../may-be-there.ts";
import type { Buckets, CloudConfig } from "./cloud-config.ts";
import { prefixes } from "./keys.ts";
import { type Signer, sign } from "./signatures.ts";

/** A smaller difference between two clocks cannot be told from none: answers tell whole seconds. */
const SKEW_ACCURACY_MS = 2_000;
/** The rule of the bucket for parts takes signatures, too, after 30 days. */
const SIGNED_AGAIN_MS = 86_400_000;

/** The database and the buckets of a fleet, opened when they are first needed. */
export class CloudParts {
  readonly input: Bucket;
  readonly results: Bucket;
  readonly temp: Bucket;
  readonly cache: Cache;
  private readonly connection: Connection;
  private opened: Promise<Database> | null = null;
  private known: Signer | null = null;
  private readonly signed = new Map<keyof Buckets, { readonly done: Promise<void>; readonly at_ms: number }>();

  /** @param contact how to meet the database for the first time; left out: with patience, and in silence */
  constructor(
    private readonly config: CloudConfig,
    private readonly contact: FirstContact = {},
  ) {
    this.connection = new Connection(config.spaces);
    const { input, results, temp } = config.buckets;
    this.input = new Bucket(this.connection, input);
    this.results = new Bucket(this.connection, results);
    this.temp = new Bucket(this.connection, temp);
    this.cache = new Cache(join(config.cacheDir, "content"), config.cacheSize_bytes);
  }

  /** The time by the clock of those who say how old an object is, as soon as they have answered. */
  now_ms(): number {
    const skew_ms = this.connection.skew_ms ?? 0;
    return Date.now() + (Math.abs(skew_ms) > SKEW_ACCURACY_MS ? skew_ms : 0);
  }

  /**
   * The database, which has this version's tables.
   *
   * @throws FoldError where it cannot be reached, refuses, or is of another version
   */
  async database(): Promise<Database> {
    this.opened ??= this.openDatabase();
    try {
      return await this.opened;
    } catch (error) {
      this.opened = null;
      throw error;
    }
  }

  /**
   * Whoever works must have all buckets: with a wrong name of one, every job would fail on it and be put aside.
   *
   * @throws FoldError `refused` that names the one which is missing
   */
  async checkBuckets(): Promise<void> {
    const buckets = [this.input, this.results, this.temp];
    const isThere = await Promise.all(buckets.map(mayBeThere));
    const missing = buckets.find((_, number) => !isThere[number]);
    if (missing === undefined) return;
    const hint = "check DO_SPACES_BUCKET_INPUT, _RESULTS and _TEMP; `fold setup` makes the buckets";
    throw new FoldError("refused", `there is no bucket ${missing.name}`, hint);
  }

  /** Which fleet this is. */
  async signer(): Promise<Signer> {
    if (this.known !== null) return this.known;
    const database = await this.database();
    const { id } = await fleetIdentity(database);
    this.known = { id, place: database.place };
    return this.known;
  }

  /**
   * To be called before anything is put into a bucket: who deletes there for another database looks for this fleet's
   * signature when it has listed what there is, and so finds it wherever it has found something of this fleet's.
   */
  async sign(use: keyof Buckets, options?: CallOptions): Promise<void> {
    const earlier = this.signed.get(use);
    if (earlier !== undefined && performance.now() - earlier.at_ms < SIGNED_AGAIN_MS) return await earlier.done;
    const done = this.signer().then((signer) => sign(this[use], prefixes[use], signer, options));
    this.signed.set(use, { done, at_ms: performance.now() });
    try {
      await done;
    } catch (error) {
      this.signed.delete(use);
      throw error;
    }
  }

  private async openDatabase(): Promise<Database> {
    const database = await openDatabase({ url: this.config.databaseUrl, contact: this.contact });
    try {
      await checkSchema(database);
      return database;
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    // One that could not be opened has nothing to close.
    const database = await this.opened?.catch(() => null);
    await database?.close();
  }
}
