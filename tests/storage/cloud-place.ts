// A database and three buckets as a place for the conformance suite.
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CloudConfig } from "../../src/storage/cloud/cloud-config.ts";
import { CloudParts } from "../../src/storage/cloud/cloud-parts.ts";
import { CloudStorage } from "../../src/storage/cloud/cloud-storage.ts";
import { submitTexts } from "../../src/storage/cloud/submit.ts";
import { asOwner, dropDatabase, makeDatabase } from "../support/database.ts";
import { newBucketName, removeBucketAndAll, spaces } from "../support/spaces.ts";
import { GRACE_MS, type Place } from "./place.ts";

/** A fleet's storage of its own: a fresh database, fresh buckets, and the caches of one machine. */
export class CloudPlace implements Place {
  readonly many = 5_000;
  readonly scratch: string;
  readonly config: CloudConfig;
  private readonly parent: string;
  private readonly cloud: CloudParts;
  private readonly opened: CloudStorage[] = [];

  private constructor(databaseUrl: string) {
    this.parent = mkdtempSync(join(tmpdir(), "fold-test-"));
    this.scratch = join(this.parent, "scratch");
    mkdirSync(this.scratch);
    const prefix = newBucketName();
    this.config = {
      backend: "cloud",
      databaseUrl,
      spaces,
      buckets: { input: `${prefix}-input`, results: `${prefix}-results`, temp: `${prefix}-temp` },
      cacheDir: join(this.parent, "cache"),
      cacheSize_bytes: 1 << 30,
      grace_ms: GRACE_MS,
    };
    this.cloud = new CloudParts(this.config);
  }

  static async make(): Promise<CloudPlace> {
    const place = new CloudPlace(await makeDatabase());
    const { input, results, temp } = place.cloud;
    await Promise.all([input, results, temp].map((bucket) => bucket.ensure()));
    return place;
  }

  get address(): string {
    return JSON.stringify(this.config);
  }

  open(): CloudStorage {
    const storage = new CloudStorage(this.config);
    this.opened.push(storage);
    return storage;
  }

  putText(name: string, text: string): Promise<void> {
    return this.putCopies([name], text);
  }

  async putCopies(names: readonly string[], text: string): Promise<void> {
    const content = Buffer.from(text);
    const sha256 = createHash("sha256").update(content).digest("hex");
    const texts = names.map((name) => ({ name, size_bytes: content.length, sha256, content }));
    await submitTexts(this.cloud, texts, { max_dims: 2, min_volume: 1, shards: 1, merge: false, again: true });
  }

  canHold(name: string): boolean {
    return name !== "";
  }

  /** The clock that counts is the database's; to all rows it is the same whether it goes on or they go back. */
  async pass(time_ms: number): Promise<void> {
    await asOwner(async (sql) => {
      const interval = `${time_ms} milliseconds`;
      await sql`update job_locks set locked_at = locked_at - ${interval}::interval,
        heartbeat_at = heartbeat_at - ${interval}::interval`;
    }, this.config.databaseUrl);
  }

  /** Objects that no row names, and folders of attempts; texts stay for whoever submits them again. */
  async leftovers(): Promise<string[]> {
    // The folder of an attempt that was cancelled goes with the next look for lost jobs.
    await this.open().reclaimStale();
    const needed = await asOwner(async (sql) => {
      const archives = await sql<{ key: string }[]>`select s3_key as key from archives where not is_deleted`;
      const jobs = await sql<{ id: string }[]>`select id from jobs where status <> 'completed'`;
      const locks = await sql<{ id: string }[]>`select job_id as id from job_locks`;
      return { archives, jobs, locks };
    }, this.config.databaseUrl);
    const keys = new Set(needed.archives.map(({ key }) => key));
    const jobs = new Set(needed.jobs.map(({ id }) => id));
    const found: string[] = needed.locks.map(({ id }) => `running: ${id}`);
    for await (const page of this.cloud.results.list("")) {
      found.push(...page.map(({ key }) => key).filter((key) => !keys.has(key)));
    }
    for await (const page of this.cloud.temp.list("")) {
      found.push(...page.map(({ key }) => key).filter((key) => !jobs.has(key.split("/")[1])));
    }
    return [...found, ...this.folders()];
  }

  private folders(): string[] {
    try {
      return readdirSync(this.config.cacheDir)
        .filter((name) => name.startsWith("work-"))
        .flatMap((name) => readdirSync(join(this.config.cacheDir, name)));
    } catch {
      return [];
    }
  }

  async damage(name: string): Promise<void> {
    const [row] = await asOwner(
      (sql) => sql<{ key: string }[]>`select s3_key as key from archives where name = ${name} and not is_deleted`,
      this.config.databaseUrl,
    );
    await this.cloud.results.put(row.key, Buffer.from("no archive"));
  }

  async remove(): Promise<void> {
    await Promise.all(this.opened.map((storage) => storage.close()));
    const { input, results, temp } = this.cloud;
    await Promise.all([input, results, temp].map((bucket) => removeBucketAndAll(bucket)));
    await this.cloud.close();
    await dropDatabase(this.config.databaseUrl);
    rmSync(this.parent, { recursive: true, force: true });
  }
}
