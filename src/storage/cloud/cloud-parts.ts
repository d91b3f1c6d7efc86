import { join } from "node:path";
import { type Database, openDatabase } from "../../db/database.ts";
import { checkSchema } from "../../db/migrations.ts";
import { Bucket } from "../../s3/bucket.ts";
import { Cache } from "../../s3/cache.ts";
import { Connection } from "../../s3/connection.ts";
import type { CloudConfig } from "./cloud-config.ts";

/** The database and the buckets of a fleet, opened when they are first needed. */
export class CloudParts {
  readonly input: Bucket;
  readonly results: Bucket;
  readonly temp: Bucket;
  readonly cache: Cache;
  private readonly connection: Connection;
  private opened: Promise<Database> | null = null;

  constructor(private readonly config: CloudConfig) {
    this.connection = new Connection(config.spaces);
    const { input, results, temp } = config.buckets;
    this.input = new Bucket(this.connection, input);
    this.results = new Bucket(this.connection, results);
    this.temp = new Bucket(this.connection, temp);
    this.cache = new Cache(join(config.cacheDir, "content"), config.cacheSize_bytes);
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

  private async openDatabase(): Promise<Database> {
    const database = await openDatabase({ url: this.config.databaseUrl });
    try {
      await checkSchema(database);
      return database;
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.connection.close();
    // One that could not be opened has nothing to close.
    const database = await this.opened?.catch(() => null);
    await database?.close();
  }
}
