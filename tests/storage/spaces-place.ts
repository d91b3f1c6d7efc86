// Two buckets and the disk of one machine as a place for the conformance suite.
import { Database } from "bun:sqlite";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { hasDotSteps } from "../../src/s3/sign.ts";
import type { SpacesConfig } from "../../src/storage/spaces/spaces-config.ts";
import { SpacesStorage } from "../../src/storage/spaces/spaces-storage.ts";
import { OwnBuckets } from "../support/own-buckets.ts";
import { Pool } from "../support/pool.ts";
import { keysOf, spaces } from "../support/spaces.ts";
import { newFolder } from "../support/temporary.ts";
import { GRACE_MS, type Place, usualOptions } from "./place.ts";

type Buckets = OwnBuckets<"input" | "results">;

/** Makes places for the tests of a file, one after the other on the same buckets. */
export class SpacesPlaces {
  private readonly pool = new Pool<Buckets>(() => OwnBuckets.make(["input", "results"]));

  /** An empty place; its buckets are there again for the next when it was removed. */
  async make(): Promise<SpacesPlace> {
    const buckets = await this.pool.take();
    return new SpacesPlace(buckets, () => this.pool.giveBack(buckets));
  }
}

/** Empty buckets and the folder of one machine; each handle is a worker that was told of all texts there are. */
export class SpacesPlace implements Place {
  /** They are named one by one to a worker. */
  readonly many = 300;
  readonly scratch: string;
  readonly config: SpacesConfig;
  /** Known to all handles: what is put in is assigned to them at once. */
  private readonly assigned: string[] = [];
  private readonly parent: string = newFolder();
  private readonly opened: SpacesStorage[] = [];

  /** @param giveBack what becomes of the buckets when the place is removed */
  constructor(
    readonly buckets: Buckets,
    private readonly giveBack: () => Promise<void>,
  ) {
    this.scratch = join(this.parent, "scratch");
    mkdirSync(this.scratch);
    this.config = {
      backend: "spaces",
      spaces,
      buckets: buckets.names,
      cacheDir: join(this.parent, "cache"),
      cacheSize_bytes: 1 << 30,
      inputs: this.assigned,
      options: usualOptions,
      grace_ms: GRACE_MS,
    };
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
    await this.buckets.of.input.put(key, Buffer.from(text));
    if (!this.assigned.includes(key)) this.assigned.push(key);
  }

  async putCopies(names: readonly string[], text: string): Promise<void> {
    const waiting = [...names];
    const next = async () => {
      for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await this.putText(name, text);
    };
    await Promise.all(Array.from({ length: 8 }, next));
  }

  canHold(name: string): boolean {
    return !hasDotSteps(`${name}.txt`);
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
    const { results } = this.buckets.of;
    const objects: string[] = [];
    for (const key of await keysOf(results)) {
      const tar = (await results.head(key))?.metadata["fold-tar-sha256"] ?? "";
      if (!archives.has(tar)) objects.push(key);
    }
    return [...found.filter((path) => !known.has(path)), ...objects];
  }

  async damage(name: string): Promise<void> {
    const { results } = this.buckets.of;
    for (const key of await keysOf(results, `${name}_`)) await results.put(key, Buffer.from("no archive"));
  }

  async remove(): Promise<void> {
    await Promise.all(this.opened.map((storage) => storage.close()));
    rmSync(this.parent, { recursive: true, force: true });
    await this.giveBack();
  }
}
