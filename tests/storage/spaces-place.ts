// Two buckets and the disk of one machine as a place for the conformance suite.

import { Database } from "bun:sqlite";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Bucket } from "../../src/s3/bucket.ts";
import { Connection } from "../../src/s3/connection.ts";
import type { SpacesConfig } from "../../src/storage/spaces/spaces-config.ts";
import { SpacesStorage } from "../../src/storage/spaces/spaces-storage.ts";
import { newBucketName, removeBucketAndAll, spaces } from "../support/spaces.ts";
import { GRACE_MS, type Place, usualOptions } from "./place.ts";

/** Buckets of its own and the folder of one machine; each handle is a worker that was told of all texts there are. */
export class SpacesPlace implements Place {
  /** They are named one by one to a worker. */
  readonly many = 300;
  readonly scratch: string;
  readonly config: SpacesConfig;
  /** Known to all handles: what is put in is assigned to them at once. */
  private readonly assigned: string[] = [];
  private readonly parent: string;
  private readonly connection = new Connection(spaces);
  private readonly input: Bucket;
  private readonly results: Bucket;
  private readonly opened: SpacesStorage[] = [];

  private constructor() {
    this.parent = mkdtempSync(join(tmpdir(), "fold-test-"));
    this.scratch = join(this.parent, "scratch");
    mkdirSync(this.scratch);
    const prefix = newBucketName();
    this.config = {
      backend: "spaces",
      spaces,
      buckets: { input: `${prefix}-input`, results: `${prefix}-results` },
      cacheDir: join(this.parent, "cache"),
      cacheSize_bytes: 1 << 30,
      inputs: this.assigned,
      options: usualOptions,
      grace_ms: GRACE_MS,
    };
    this.input = new Bucket(this.connection, this.config.buckets.input);
    this.results = new Bucket(this.connection, this.config.buckets.results);
  }

  static async make(): Promise<SpacesPlace> {
    const place = new SpacesPlace();
    await Promise.all([place.input.ensure(), place.results.ensure()]);
    return place;
  }

  get address(): string {
    return JSON.stringify(this.config);
  }

  open(): SpacesStorage {
    const storage = new SpacesStorage(this.config);
    this.opened.push(storage);
    return storage;
  }

  async putText(name: string, text: string): Promise<void> {
    const key = `${name}.txt`;
    await this.input.put(key, Buffer.from(text));
    if (!this.assigned.includes(key)) this.assigned.push(key);
  }

  async putCopies(names: readonly string[], text: string): Promise<void> {
    const waiting = [...names];
    const next = async () => {
      for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await this.putText(name, text);
    };
    await Promise.all(Array.from({ length: 8 }, next));
  }

  /** The SDK takes dots between slashes for a path, and takes them away. */
  canHold(name: string): boolean {
    return !`${name}.txt`.split("/").some((part) => part === "." || part === "..");
  }

  /** Nothing goes by a clock. */
  pass(): void {}

  /** Folders and locks of attempts that nobody knows of, and objects that are no archives. */
  async leftovers(): Promise<string[]> {
    const folder = join(this.config.cacheDir, "spaces");
    const database = new Database(join(folder, "state.db"));
    const attempts = database.query("select job || '/' || number as path from attempts").all() as { path: string }[];
    database.close();
    const known = new Set(attempts.flatMap(({ path }) => [path, `${path}.lock`, `${path}.free`]));
    const jobs = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const found = jobs.flatMap(({ name }) => readdirSync(join(folder, name)).map((file) => `${name}/${file}`));
    const archives = new Set((await this.open().listArchives()).map(({ tar_sha256 }) => tar_sha256));
    const objects: string[] = [];
    for await (const page of this.results.list("")) {
      for (const { key } of page) {
        const tar = (await this.results.head(key))?.metadata["fold-tar-sha256"] ?? "";
        if (!archives.has(tar)) objects.push(key);
      }
    }
    return [...found.filter((path) => !known.has(path)), ...objects];
  }

  async damage(name: string): Promise<void> {
    for await (const page of this.results.list(`${name}_`)) {
      for (const { key } of page) await this.results.put(key, Buffer.from("no archive"));
    }
  }

  async remove(): Promise<void> {
    await Promise.all(this.opened.map((storage) => storage.close()));
    await Promise.all([this.input, this.results].map((bucket) => removeBucketAndAll(bucket)));
    await this.connection.close();
    rmSync(this.parent, { recursive: true, force: true });
  }
}
