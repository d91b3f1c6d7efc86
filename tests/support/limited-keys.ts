// Keys and roles that open no more than they need, made for a fleet as the README says: by the policies and the script
// that come with the project.
import { readFileSync } from "node:fs";
import { PutBucketPolicyCommand, S3Client } from "@aws-sdk/client-s3";
import { asOwner, runClient } from "./database.ts";
import type { Fleet } from "./fleet.ts";
import { projectFile } from "./project.ts";
import { spaces } from "./spaces.ts";

/** Users can only be made where the gateway was started by scripts/servers/spaces.sh. */
export const canMakeUsers = Boolean(process.env.SPACES_DIR);

const keyRoles = ["submit", "worker", "read"] as const;
export type KeyRole = (typeof keyRoles)[number];

/** What an environment says of a key. */
export interface KeyVariables {
  readonly DO_SPACES_ACCESS_KEY: string;
  readonly DO_SPACES_SECRET_KEY: string;
}

/** A key of a user who may do nothing yet. */
export async function newKey(user: string): Promise<KeyVariables> {
  const script = projectFile("scripts/servers/spaces.sh");
  const child = Bun.spawn([script, "user", process.env.SPACES_DIR ?? "", user], { stdout: "pipe", stderr: "inherit" });
  const [text, exit] = await Promise.all([child.stdout.text(), child.exited]);
  if (exit !== 0) throw new Error(`spaces.sh made no user: ${exit}`);
  const value = (name: string) => new RegExp(`^export ${name}=(.+)$`, "m").exec(text)?.[1] ?? "";
  return {
    DO_SPACES_ACCESS_KEY: value("DO_SPACES_ACCESS_KEY"),
    DO_SPACES_SECRET_KEY: value("DO_SPACES_SECRET_KEY"),
  };
}

/** Behind the names of the users of this file. */
const suffix = crypto.randomUUID().slice(0, 8);
let users: Promise<Readonly<Record<KeyRole, KeyVariables>>> | null = null;

/** A user takes a second to be made: those of the roles serve all tests of a file. */
async function makeUsers(): Promise<Readonly<Record<KeyRole, KeyVariables>>> {
  const entries: [KeyRole, KeyVariables][] = [];
  for (const role of keyRoles) entries.push([role, await newKey(`fold-${role}-${suffix}`)]);
  return Object.fromEntries(entries) as Record<KeyRole, KeyVariables>;
}

/** A key for each role, and the policies of scripts/spaces-policies at the buckets of a fleet. */
export async function limitedKeys({ buckets }: Fleet): Promise<Readonly<Record<KeyRole, KeyVariables>>> {
  users ??= makeUsers();
  const keys = await users;
  const credentials = { accessKeyId: spaces.accessKey, secretAccessKey: spaces.secretKey };
  const client = new S3Client({ endpoint: spaces.endpoint, region: spaces.region, credentials, forcePathStyle: true });
  try {
    for (const use of ["input", "results", "temp"] as const) {
      const Policy = readFileSync(projectFile(`scripts/spaces-policies/${use}.json`), "utf8")
        .replaceAll(`fold-${use}`, buckets[use].name)
        .replaceAll(/user\/(fold-\w+)/g, `user/$1-${suffix}`);
      await client.send(new PutBucketPolicyCommand({ Bucket: buckets[use].name, Policy }));
    }
  } finally {
    client.destroy();
  }
  return keys;
}

/** Run `body` with the URL of a role that scripts/database-roles.sql has made in the database of a fleet. */
export async function withLimitedRole<T>(
  { databaseUrl }: Fleet,
  body: (url: string) => Promise<T>,
  password: string = crypto.randomUUID(),
): Promise<T> {
  const role = `fold_worker_${crypto.randomUUID().slice(0, 8)}`;
  // Made here, as the script sets no password.
  await asOwner((sql) => sql.unsafe(`create role ${role} login password '${password.replaceAll("'", "''")}'`));
  try {
    const script = projectFile("scripts/database-roles.sql");
    const psql = runClient("psql", databaseUrl, ["-v", "ON_ERROR_STOP=1", "-qv", `role=${role}`, "-f", script]);
    if (!psql.success) throw new Error(psql.stderr.toString());
    const url = Object.assign(new URL(databaseUrl), { username: role });
    url.password = encodeURIComponent(password);
    return await body(url.href);
  } finally {
    await asOwner((sql) => sql.unsafe(`drop owned by ${role}`), databaseUrl);
    await asOwner((sql) => sql.unsafe(`drop role ${role}`));
  }
}
