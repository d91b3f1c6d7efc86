// A fleet's storage for tests that run the compiled executable as its users do: by the environment.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Bucket } from "../../src/s3/bucket.ts";
import { Connection } from "../../src/s3/connection.ts";
import { dropDatabase, makeDatabase } from "./database.ts";
import { newBucketName, removeBucketAndAll, spaces } from "./spaces.ts";

/** A fleet of its own: a fresh database, fresh buckets, a folder. */
export interface Fleet {
  /** What the executable is told by its environment. */
  readonly env: Record<string, string>;
  readonly databaseUrl: string;
  readonly buckets: { readonly input: Bucket; readonly results: Bucket; readonly temp: Bucket };
  /** A folder for files. */
  readonly folder: string;
}

/** Run `body` with a fleet that has its tables and buckets. */
export async function withFleet<T>(body: (fleet: Fleet) => Promise<T>, isReady = true): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "fold-test-"));
  const prefix = newBucketName();
  const connection = new Connection(spaces);
  const bucket = (name: string) => new Bucket(connection, `${prefix}-${name}`);
  const buckets = { input: bucket("input"), results: bucket("results"), temp: bucket("temp") };
  const databaseUrl = await makeDatabase(isReady);
  try {
    if (isReady) for (const one of Object.values(buckets)) await one.ensure();
    const env = {
      DATABASE_URL: databaseUrl,
      STORAGE_BACKEND: "cloud",
      DO_SPACES_ENDPOINT: spaces.endpoint,
      DO_SPACES_REGION: spaces.region,
      DO_SPACES_ACCESS_KEY: spaces.accessKey,
      DO_SPACES_SECRET_KEY: spaces.secretKey,
      DO_SPACES_BUCKET_INPUT: buckets.input.name,
      DO_SPACES_BUCKET_RESULTS: buckets.results.name,
      DO_SPACES_BUCKET_TEMP: buckets.temp.name,
      LOCAL_CACHE_DIR: join(folder, "cache"),
      HEARTBEAT_INTERVAL: "0.2",
      HEARTBEAT_GRACE_PERIOD: "1",
      FOLD_PARTS_AFTER: "0.1",
    };
    return await body({ env, databaseUrl, buckets, folder });
  } finally {
    for (const one of Object.values(buckets)) await removeBucketAndAll(one);
    await connection.close();
    await dropDatabase(databaseUrl);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The lines of --json output. */
export function jsonLines<T = Record<string, unknown>>(stdout: string): T[] {
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
}
