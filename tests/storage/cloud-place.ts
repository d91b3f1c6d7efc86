// A database and three buckets as a place for the conformance suite.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { CloudConfig } from "../../src/storage/cloud/cloud-config.ts";
import { CloudParts } from "../../src/storage/cloud/cloud-parts.ts";
import { CloudStorage } from "../../src/storage/cloud/cloud-storage.ts";
import { submitTexts } from "../../src/storage/cloud/submit.ts";
import { asOwner, dropDatabase, emptyTables, makeDatabase } from "../support/database.ts";
import { OwnBuckets } from "../support/own-buckets.ts";
import { Pool, type Reusable } from "../support/pool.ts";
import { keysOf, spaces } from "../support/spaces.ts";
import { newFolder } from "../support/temporary.ts";
import { GRACE_MS, type Place } from "./place.ts";

/** What a fleet shares. */
class Servers implements Reusable {
  private constructor(
    readonly databaseUrl: string,
    readonly buckets: OwnBuckets<"input" | "results" | "temp">,
  ) {}

  static async make(): Promise<Servers> {
    const [databaseUrl, buckets] = await Promise.all([makeDatabase(), OwnBuckets.make(["input", "results", "temp"])]);
    return new Servers(databaseUrl, buckets);
  }

  async empty(): Promise<void> {
    await Promise.all([emptyTables(this.databaseUrl), this.buckets.empty()]);
  }

  async remove(): Promise<void> {
    await Promise.all([dropDatabase(this.databaseUrl), this.buckets.remove()]);
  }
}

/** Makes places for the tests of a file, one after the other on the same database and buckets. */
export class CloudPlaces {
  private readonly pool = new Pool(() => Servers.make());

  /** An empty place; it is there again for the next when it was removed. */
  async make(): Promise<CloudPlace> {
    const servers = await this.pool.take();
    return new CloudPlace(servers, () => this.pool.giveBack(servers));
  }
}

/** A fleet's storage of its own: empty tables, empty buckets, and the caches of one machine. */
export class CloudPlace implements Place {
  readonly many = 5_000;
  readonly scratch: string;
  readonly config: CloudConfig;
  private readonly parent: string = newFolder();
  /** A way to the tables and buckets that no worker has. */
  readonly cloud: CloudParts;
  private readonly opened: CloudStorage[] = [];

  /** @param giveBack what becomes of the servers when the place is removed */
  constructor(
    { databaseUrl, buckets }: Servers,
    private readonly giveBack: () => Promise<void>,
  ) {
    this.scratch = join(this.parent, "scratch");
    mkdirSync(this.scratch);
    this.config = {
      backend: "cloud",
      databaseUrl,
      spaces,
      buckets: buckets.names,
      cacheDir: join(this.parent, "cache"),
      cacheSize_bytes: 1 << 30,
      grace_ms: GRACE_MS,
    };
    this.cloud = new CloudParts(this.config);
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
    return [
      ...needed.locks.map(({ id }) => `running: ${id}`),
      ...(await keysOf(this.cloud.results)).filter((key) => !keys.has(key)),
      ...(await keysOf(this.cloud.temp)).filter((key) => !jobs.has(key.split("/")[1])),
      ...this.folders(),
    ];
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
    await Promise.all([...this.opened, this.cloud].map((part) => part.close()));
    rmSync(this.parent, { recursive: true, force: true });
    await this.giveBack();
  }
}
