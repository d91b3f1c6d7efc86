// A fleet for tests that run the compiled executable as its users do: a database, buckets, and machines with workers.
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Bucket } from "../../src/s3/bucket.ts";
import { call, type Ended, must, start } from "./binary.ts";
import { asOwner, dropDatabase, makeDatabase } from "./database.ts";
import { OwnBuckets } from "./own-buckets.ts";
import { keysOf, spaces } from "./spaces.ts";
import { newFolder } from "./temporary.ts";

/** Short times, so that who is killed or suspended is lost soon, and parts are uploaded at once. */
const TIMES = { HEARTBEAT_INTERVAL: "0.2", HEARTBEAT_GRACE_PERIOD: "2", FOLD_PARTS_AFTER: "0.1" };

/** What its buckets are for. */
const uses = ["input", "results", "temp"] as const;

/** How a worker of the fleet differs from the others. */
export interface WorkerPlace {
  /** The machine it runs on: those of one name share a cache. */
  readonly machine: string;
  /** Another way to Spaces: through a proxy. */
  readonly endpoint?: string;
  /** Another way to the database. */
  readonly databaseUrl?: string;
}

export interface FleetOptions {
  /** Whether it has its tables and buckets; else the executable has to make them. */
  readonly isReady?: boolean;
  /** A database with tables that is there before and stays; left out: one of its own. */
  readonly databaseUrl?: string;
}

/** A job as the tables tell it. */
export interface JobNow {
  readonly id: string;
  readonly status: string;
  readonly retry_count: number;
  readonly share: number;
}

/** A fleet that no other test has. */
export class Fleet {
  /** A folder for files. */
  readonly folder: string = newFolder();

  private constructor(
    readonly databaseUrl: string,
    private readonly ownsDatabase: boolean,
    private readonly ownBuckets: OwnBuckets<(typeof uses)[number]>,
  ) {}

  static async make({ isReady = true, databaseUrl }: FleetOptions = {}): Promise<Fleet> {
    const buckets = await OwnBuckets.make(uses, isReady);
    return new Fleet(databaseUrl ?? (await makeDatabase(isReady)), databaseUrl === undefined, buckets);
  }

  async remove(): Promise<void> {
    await this.ownBuckets.remove();
    if (this.ownsDatabase) await dropDatabase(this.databaseUrl);
    rmSync(this.folder, { recursive: true, force: true });
  }

  get buckets(): Readonly<Record<(typeof uses)[number], Bucket>> {
    return this.ownBuckets.of;
  }

  /** What the executable is told by its environment, by a way to the fleet that nobody disturbs. */
  get env(): Record<string, string> {
    return this.envOf({ machine: "desk" });
  }

  /** The same on a machine. */
  envOf({ machine, endpoint = spaces.endpoint, databaseUrl = this.databaseUrl }: WorkerPlace): Record<string, string> {
    const { input, results, temp } = this.ownBuckets.names;
    return {
      ...TIMES,
      STORAGE_BACKEND: "cloud",
      WORKER_ID: machine,
      DATABASE_URL: databaseUrl,
      DO_SPACES_ENDPOINT: endpoint,
      DO_SPACES_REGION: spaces.region,
      DO_SPACES_ACCESS_KEY: spaces.accessKey,
      DO_SPACES_SECRET_KEY: spaces.secretKey,
      DO_SPACES_BUCKET_INPUT: input,
      DO_SPACES_BUCKET_RESULTS: results,
      DO_SPACES_BUCKET_TEMP: temp,
      LOCAL_CACHE_DIR: join(this.diskOf(machine), "cache"),
    };
  }

  /** The folder in which a machine keeps its things. */
  diskOf(machine: string): string {
    const disk = join(this.folder, "machines", machine);
    mkdirSync(disk, { recursive: true });
    return disk;
  }

  /** Call the executable in the folder for files. */
  call(args: readonly string[]): Promise<Ended> {
    return call(args, { env: this.env, cwd: this.folder });
  }

  /** The same, which must work; what it says on stdout. */
  must(args: readonly string[]): Promise<string> {
    return must(args, { env: this.env, cwd: this.folder });
  }

  /** Start a worker. */
  worker(place: WorkerPlace, args: readonly string[] = []) {
    return start(["worker", "--threads", "1", ...args], { env: this.envOf(place), cwd: this.folder });
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
    return (await keysOf(this.buckets.temp)).filter((key) => key.endsWith(".zst")).length;
  }

  /** Every row of every table and every object with its ETag, as text. */
  async everything(): Promise<{ rows: string; objects: string[] }> {
    const [{ rows }] = await this.sql<{ rows: string }>(`select json_build_object(
      'jobs', (select json_agg(t order by id) from jobs t), 'locks', (select json_agg(t order by job_id) from job_locks t),
      'archives', (select json_agg(t order by id) from archives t),
      'runs', (select json_agg(t order by id) from processing_runs t))::text as rows`);
    const objects: string[] = [];
    for (const bucket of this.ownBuckets.all) {
      for await (const page of bucket.list("")) objects.push(...page.map(({ key, etag }) => `${key} ${etag}`));
    }
    return { rows, objects };
  }
}

/** Run `body` with a fleet. */
export async function withFleet<T>(body: (fleet: Fleet) => Promise<T>, options: FleetOptions = {}): Promise<T> {
  const fleet = await Fleet.make(options);
  try {
    return await body(fleet);
  } finally {
    await fleet.remove();
  }
}
