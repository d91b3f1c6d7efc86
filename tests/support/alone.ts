// Workers without coordination, as the executable: buckets of their own on the real gateway, and a folder for each machine.
import { afterAll } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Bucket } from "../../src/s3/bucket.ts";
import { Cache } from "../../src/s3/cache.ts";
import { type ArchiveObject, ResultArchives } from "../../src/storage/spaces/result-archives.ts";
import { type CallOptions, call, type Ended, jsonLines, start } from "./binary.ts";
import { OwnBuckets } from "./own-buckets.ts";
import { temporaryFolder } from "./temporary.ts";

/** A line that a worker or a collection prints with --json. */
export type Told = Readonly<Record<string, unknown>>;

/** Two buckets, and machines that know nothing of each other. */
export class Alone {
  readonly folder: string = temporaryFolder();

  private constructor(private readonly buckets: OwnBuckets<"input" | "results">) {}

  /** They go away after the tests of the file. */
  static async make(): Promise<Alone> {
    const buckets = await OwnBuckets.make(["input", "results"]);
    afterAll(() => buckets.remove());
    return new Alone(buckets);
  }

  get input(): Bucket {
    return this.buckets.of.input;
  }

  get results(): Bucket {
    return this.buckets.of.results;
  }

  /** What the executable finds in its environment on a machine. */
  environment(machine: string, changes: Record<string, string> = {}): Record<string, string> {
    const folder = this.machine(machine);
    mkdirSync(folder, { recursive: true });
    return {
      DO_SPACES_BUCKET_INPUT: this.input.name,
      DO_SPACES_BUCKET_RESULTS: this.results.name,
      LOCAL_CACHE_DIR: folder,
      ...changes,
    };
  }

  /** The folder that a machine keeps its things in. */
  machine(name: string): string {
    return join(this.folder, name);
  }

  /** Put a text under a key. */
  async put(key: string, text: string): Promise<void> {
    await this.input.put(key, Buffer.from(text));
  }

  /** Start a worker on a machine. */
  start(machine: string, args: readonly string[], changes: Record<string, string> = {}) {
    return start(["worker", "--backend", "spaces", ...args], { env: this.environment(machine, changes) });
  }

  /** Fold a text, and wait for it. */
  async fold(machine: string, key: string, ...args: readonly string[]): Promise<Told> {
    const ended = await this.start(machine, ["--input", key, "--json", ...args]).ended;
    if (ended.exit !== 0) throw new Error(`the worker ended with ${ended.exit}: ${ended.stderr}`);
    return linesOf(ended).find(({ event }) => event === "done") as Told;
  }

  collect(args: readonly string[], options: CallOptions = {}): Promise<Ended> {
    return call(["collect", ...args], { ...options, env: { ...this.environment("collector"), ...options.env } });
  }

  /** All archives that there are. */
  async archives(prefix = ""): Promise<ArchiveObject[]> {
    const archives = new ResultArchives(this.results, new Cache(this.machine("seen"), 1 << 30));
    const found: ArchiveObject[] = [];
    for await (const page of archives.pages(prefix)) found.push(...page.filter((object) => object.facts !== null));
    return found;
  }

  /** Remove all texts and archives. */
  async clear(): Promise<void> {
    await this.buckets.empty();
  }
}

/** The objects that a call has printed. */
export function linesOf({ stdout }: Ended): Told[] {
  return jsonLines<Told>(stdout);
}
