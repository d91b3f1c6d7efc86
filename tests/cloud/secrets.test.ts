// No secret gets out: not when all goes well, not when it fails, not while it runs. Every command of a fleet, as the
// compiled executable, with all that it prints in FOLD_DEBUG=1, what it leaves, and what the list of processes shows.
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { call, start } from "../support/binary.ts";
import { asOwner } from "../support/database.ts";
import { type Fleet, withFleet } from "../support/fleet.ts";
import { canMakeUsers, limitedKeys, withLimitedRole } from "../support/limited-keys.ts";
import { sampleText } from "../support/sample.ts";
import { ProcessList, secretsIn } from "../support/secrets.ts";
import { keysOf } from "../support/spaces.ts";

interface Held {
  readonly fleet: Fleet;
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
}

/** Run `body` with a password and keys that nobody else has but the tests of this file. */
async function withSecrets(body: (held: Held) => Promise<void>): Promise<void> {
  await withFleet(async (fleet) => {
    // Signs that mean something in URLs, JSON and shells.
    const password = `p@s/s:%20 "w$ör'd+${crypto.randomUUID()}`;
    const { worker, submit } = await limitedKeys(fleet);
    await withLimitedRole(
      fleet,
      async (DATABASE_URL) => {
        const env = { ...fleet.env, ...worker, DATABASE_URL, FOLD_DEBUG: "1" };
        writeFileSync(join(fleet.folder, "book.txt"), sampleText);
        const text = ["submit", "book.txt", "--shards", "2", "--max-dims", "3"];
        const submitted = await call(text, { env: { ...env, ...submit }, cwd: fleet.folder });
        const secrets = {
          password,
          "password in the URL": encodeURIComponent(password),
          key: worker.DO_SPACES_SECRET_KEY,
          "submitter's key": submit.DO_SPACES_SECRET_KEY,
        };
        expect(submitted).toMatchObject({ exit: 0 });
        expect(secretsIn(submitted.stdout + submitted.stderr, secrets)).toEqual([]);
        await body({ fleet, env, secrets });
      },
      password,
    );
  });
}

/** Signatures are as good as keys as long as they live. */
const signature = /X-Amz-Signature|AWS4-HMAC|Signature=/i;

test("secrets are found in whatever form", () => {
  const secret = "Aa/b+c=9 é&d-very-long";
  const forms = [
    `x${secret}y`,
    `postgres://u:${encodeURIComponent(secret)}@h`,
    JSON.stringify({ secret }),
    Buffer.from(`key:${secret}\nmore`).toString("base64"),
    Buffer.from(`ke:${secret}`).toString("base64"),
    Buffer.from(`k:${secret}-`).toString("base64url"),
    Buffer.from(secret).toString("hex"),
  ];
  expect(forms.map((form) => secretsIn(form, { it: secret }))).toEqual(forms.map(() => ["it"]));
  expect(secretsIn("Aa/b+c=9", { it: secret })).toEqual([]);
});

const note = canMakeUsers ? "" : " (needs a gateway of scripts/servers/spaces.sh)";

test.if(canMakeUsers)(`where all goes well${note}`, async () => {
  await withSecrets(async ({ fleet, env, secrets }) => {
    const options = { env, cwd: fleet.folder };
    const processes = new ProcessList();
    const worker = await call(["worker", "--json"], options);
    expect(worker.exit).toBe(0);
    const told = [worker];
    const calls = [
      "status --json",
      "status",
      "jobs --all --json",
      "archives",
      "get book.max-dims-3",
      "doctor --role worker",
    ];
    for (const args of [
      ...calls,
      "doctor --json",
      "db status --json",
      "gc --dry-run",
      "show book.max-dims-3",
      "help environment",
    ]) {
      told.push(await call(args.split(" "), options));
    }
    const url = await call(["url", "book.max-dims-3"], options);
    expect(url.stdout).toMatch(signature);
    for (const { stdout, stderr } of told) expect(stdout + stderr).not.toMatch(signature);
    for (const { stdout, stderr } of [...told, url]) expect(secretsIn(stdout + stderr, secrets)).toEqual([]);
    const lines = await processes.end();
    expect(lines.some((line) => line.includes("fold worker --json"))).toBe(true);
    expect(secretsIn(lines.join("\n"), secrets)).toEqual([]);
    expect(secretsIn(await leftIn(fleet), secrets)).toEqual([]);
  });
});

/** All that is in the tables and in the buckets, archives also as what is packed in them. */
async function leftIn({ databaseUrl, buckets }: Fleet): Promise<string> {
  const left: string[] = [];
  for (const table of ["jobs", "job_locks", "archives", "processing_runs"]) {
    const rows = await asOwner((sql) => sql.unsafe(`select t::text as row from ${table} t`), databaseUrl);
    left.push(...rows.map(({ row }) => row as string));
  }
  expect(left.length).toBeGreaterThan(0);
  for (const bucket of Object.values(buckets)) {
    for (const key of await keysOf(bucket)) {
      const { bytes, info } = await bucket.get(key, 1 << 26);
      left.push(key, JSON.stringify(info), Buffer.from(bytes).toString("latin1"));
      if (key.endsWith(".zst")) left.push(Buffer.from(await Bun.zstdDecompress(bytes)).toString("latin1"));
    }
  }
  return left.join("\n");
}

test.if(canMakeUsers)(`where the other side refuses or is not there${note}`, async () => {
  await withSecrets(async ({ fleet, env, secrets }) => {
    const changed = (changes: Partial<URL>) => ({
      DATABASE_URL: Object.assign(new URL(env.DATABASE_URL!), changes).href,
    });
    const wrong: readonly Record<string, string>[] = [
      { DO_SPACES_ACCESS_KEY: fleet.env.DO_SPACES_ACCESS_KEY! },
      { DO_SPACES_SECRET_KEY: `${env.DO_SPACES_SECRET_KEY}x` },
      { DO_SPACES_ENDPOINT: `https://${env.DO_SPACES_SECRET_KEY}@example.com` },
      changed({ username: "nobody" }),
      changed({ pathname: "/nowhere" }),
      changed({ search: "?sslmode=verify-full" }),
      changed({ search: `?sslmode=${secrets["password in the URL"]}` }),
      { DATABASE_URL: `${env.DATABASE_URL}:x:y` },
      { DATABASE_URL: secrets.password! },
    ];
    const ends: number[] = [];
    for (const changes of wrong) {
      const options = { env: { ...env, ...changes }, cwd: fleet.folder };
      const calls = ["worker --json", "doctor --role worker", "get book", "submit book.txt"];
      const told = await Promise.all(calls.map((args) => call(args.split(" "), options)));
      for (const [number, { exit, stdout, stderr }] of told.entries()) {
        ends.push(exit);
        const args = calls[number];
        expect({ args, found: secretsIn(stdout + stderr, secrets) }).toEqual({ args, found: [] });
        expect(stdout + stderr).not.toMatch(signature);
      }
    }
    expect(ends).not.toContain(0);
    expect(secretsIn(await leftIn(fleet), secrets)).toEqual([]);
  });
});

test.if(canMakeUsers)(`a worker that is locked out in the middle of a job${note}`, async () => {
  await withSecrets(async ({ fleet, env, secrets }) => {
    const processes = new ProcessList();
    const { child, ended } = start(["worker", "--threads", "1"], { env, cwd: fleet.folder });
    const isAtWork = async () => (await fleet.jobs()).some(({ status }) => status === "processing");
    await fleet.until(async () => child.exitCode !== null || (await isAtWork()));
    const role = decodeURIComponent(new URL(env.DATABASE_URL!).username);
    await asOwner(async (sql) => {
      await sql.unsafe(`alter role ${role} password 'another'`);
      await sql`select pg_terminate_backend(pid) from pg_stat_activity where usename = ${role}`;
    });
    const { exit, stdout, stderr } = await ended;
    // Its heartbeats are told as missed, by a thread of their own; in the end it knows that it is refused.
    expect([exit, stderr]).toEqual([4, expect.stringContaining("user or password refused")]);
    expect(stderr).toContain("event=missed");
    expect(secretsIn(stdout + stderr, secrets)).toEqual([]);
    expect(secretsIn((await processes.end()).join("\n"), secrets)).toEqual([]);
  });
});
