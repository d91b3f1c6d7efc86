// The Spaces that tests talk to: a real gateway, which scripts/test.ts starts where the environment names none.
import { afterAll } from "bun:test";
import { Bucket } from "../../src/s3/bucket.ts";
import { Connection, type S3Options } from "../../src/s3/connection.ts";
import type { S3Config } from "../../src/s3/sign.ts";

function variable(name: string): string {
  const value = process.env[name];
  if (value) return value;
  throw new Error(
    `${name} is not set: run the tests by \`npm test\`, which starts a gateway, or start one yourself:\n` +
      '  eval "$(scripts/servers/spaces.sh up /tmp/spaces-of-tests)"',
  );
}

/** Where the gateway is. */
export const spaces: S3Config = {
  endpoint: variable("DO_SPACES_ENDPOINT"),
  region: variable("DO_SPACES_REGION"),
  accessKey: variable("DO_SPACES_ACCESS_KEY"),
  secretKey: variable("DO_SPACES_SECRET_KEY"),
};

/** Patient enough for a test, and soon through with it. */
export const hasty: S3Options = { patience: { tries: 6, base_ms: 4, most_ms: 50 }, idle_ms: 5_000 };

/** A name for a bucket that no other test has. */
export function newBucketName(): string {
  return `fold-test-${crypto.randomUUID().slice(0, 13)}`;
}

/** Makes a bucket that goes away, with all in it, after the tests of the file that asks for it. */
export async function temporaryBucket(): Promise<Bucket> {
  const connection = new Connection(spaces);
  const bucket = new Bucket(connection, newBucketName());
  await bucket.ensure();
  afterAll(async () => {
    await removeBucketAndAll(bucket);
  });
  return bucket;
}

/** Removes all objects and unfinished uploads of a bucket. */
export async function emptyBucket(bucket: Bucket): Promise<void> {
  await bucket.abortStaleUploads("", Number.POSITIVE_INFINITY);
  for await (const page of bucket.list("")) await bucket.remove(page.map(({ key }) => key));
}

/** Removes a bucket, its objects and unfinished uploads; nothing happens where there is none. */
export async function removeBucketAndAll(bucket: Bucket): Promise<void> {
  if (!(await bucket.exists())) return;
  await emptyBucket(bucket);
  await bucket.removeItself();
}

/** Whether an object is one by which a database signs a bucket. */
export function isSignature(key: string): boolean {
  return /^(inputs|archives|jobs)\/fleets\/[0-9a-f-]{36}$/.test(key);
}

/** The keys of all objects of a bucket, or of those that begin alike; without signatures. */
export async function keysOf(bucket: Bucket, prefix = ""): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of bucket.list(prefix)) keys.push(...page.map(({ key }) => key));
  return keys.filter((key) => !isSignature(key));
}

/** The same bucket by another way: through a proxy, or with another key. */
export function otherWay(bucket: Bucket, changes: Partial<S3Config>, options: S3Options = hasty): Bucket {
  return new Bucket(new Connection({ ...spaces, ...changes }, options), bucket.name);
}
