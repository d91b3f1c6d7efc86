// Workers of a fleet as users start them: the compiled executable, a database and three buckets of their own.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Bucket } from "../../src/s3/bucket.ts";
import { Connection } from "../../src/s3/connection.ts";
import { call, type Ended, start } from "./binary.ts";
import { asOwner } from "./database.ts";
import { newBucketName, removeBucketAndAll, spaces } from "./spaces.ts";

/** Short times, so that what is suspended is lost soon, and parts are uploaded at once. */
const TIMES = { HEARTBEAT_INTERVAL: "0.3", HEARTBEAT_GRACE_PERIOD: "2", FOLD_PARTS_AFTER: "0.1" };

/** How a worker of the fleet differs from the others. */
export interface WorkerPlace {
  /** The machine it runs on: those of one name share a cache. */
  readonly machine: string;
  /** Another way to Spaces: through a proxy. */
  readonly endpoint?: string;
  /** Another way to the database. */
  readonly databaseUrl?: string;
}

/** A job as the tables tell it. */
export interface JobNow {
  readonly id: string;
  readonly status: string;
  readonly retry_count: number;
  readonly share: number;
}

export class Fleet {
  readonly results: Bucket;
  readonly temp: Bucket;
  private readonly input: Bucket;
  private readonly connection = new Connection(spaces);
  private readonly environment: Record<string, string>;

  private constructor(
    /** For the caches of its machines. */
    readonly folder: string,
    readonly databaseUrl: string,
  ) {
    const prefix = newBucketName();
    const bucket = (what: string) => new Bucket(this.connection, `${prefix}-${what}`);
    [this.input, this.results, this.temp] = [bucket("input"), bucket("results"), bucket("temp")];
    this.environment = {
      ...TIMES,
      STORAGE_BACKEND: "cloud",
      DO_SPACES_BUCKET_INPUT: this.input.name,
      DO_SPACES_BUCKET_RESULTS: this.results.name,
      DO_SPACES_BUCKET_TEMP: this.temp.name,
    };
  }

  /** Make the buckets; the database must have its tables. */
  static async make(folder: string, databaseUrl: string): Promise<Fleet> {
    const fleet = new Fleet(folder, databaseUrl);
    await Promise.all([fleet.input, fleet.results, fleet.temp].map((bucket) => bucket.ensure()));
    return fleet;
  }

  async remove(): Promise<void> {
    await Promise.all([this.input, this.results, this.temp].map((bucket) => removeBucketAndAll(bucket)));
    await this.connection.close();
  }

  env({ machine, endpoint, databaseUrl }: WorkerPlace): Record<string, string> {
    const { environment } = this;
    return {
      ...environment,
      WORKER_ID: machine,
      DATABASE_URL: databaseUrl ?? this.databaseUrl,
      DO_SPACES_ENDPOINT: endpoint ?? spaces.endpoint,
      LOCAL_CACHE_DIR: this.cacheOf(machine),
    };
  }

  cacheOf(machine: string): string {
    const place = join(this.folder, "machines", machine);
    mkdirSync(place, { recursive: true });
    return join(place, "cache");
  }

  /** Call the executable by a way to the fleet that nobody disturbs. */
  call(args: readonly string[]): Promise<Ended> {
    return call(args, { env: this.env({ machine: "desk" }) });
  }

  /** The same, which must work; what it says on stdout. */
  async must(args: readonly string[]): Promise<string> {
    const { exit, stdout, stderr } = await this.call(args);
    if (exit !== 0) throw new Error(`fold ${args.join(" ")} ended with ${exit}: ${stderr}`);
    return stdout;
  }

  worker(place: WorkerPlace, args: readonly string[] = []) {
    return start(["worker", "--threads", "1", ...args], { env: this.env(place) });
  }

  /** Ask the tables. */
  sql<T extends object>(text: string): Promise<T[]> {
    return asOwner(async (sql) => [...(await sql.unsafe<T[]>(text))] as T[], this.databaseUrl);
  }

  /** All jobs, as they came. */
  jobs(): Promise<JobNow[]> {
    return this.sql(`select id, status, retry_count, coalesce(progress_share, 0) as share
      from jobs left join job_locks on job_id = id order by position`);
  }

  /** Wait until something is true of the fleet. */
  async until(isTrue: () => Promise<boolean>): Promise<void> {
    while (!(await isTrue())) await Bun.sleep(20);
  }

  /** How many finished parts are in the bucket for them. */
  async parts(): Promise<number> {
    return (await keysOf(this.temp)).filter((key) => key.endsWith(".zst")).length;
  }

  /** Every row of every table and every object with its ETag, as text. */
  async everything(): Promise<{ rows: string; objects: string[] }> {
    const [{ rows }] = await this.sql<{ rows: string }>(`select json_build_object(
      'jobs', (select json_agg(t order by id) from jobs t), 'locks', (select json_agg(t order by job_id) from job_locks t),
      'archives', (select json_agg(t order by id) from archives t),
      'runs', (select json_agg(t order by id) from processing_runs t))::text as rows`);
    const objects: string[] = [];
    for (const bucket of [this.input, this.results, this.temp]) {
      for await (const page of bucket.list("")) objects.push(...page.map(({ key, etag }) => `${key} ${etag}`));
    }
    return { rows, objects };
  }
}

/** The keys of all objects of a bucket. */
export async function keysOf(bucket: Bucket): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of bucket.list("")) keys.push(...page.map(({ key }) => key));
  return keys;
}
