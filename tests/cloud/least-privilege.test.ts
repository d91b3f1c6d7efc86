// Keys and a role that open no more than they need: with each, a whole job is done; what it is not for is refused, and
// the doctor tells which is which. Of the compiled executable, a real database and a real gateway.
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Bucket } from "../../src/s3/bucket.ts";
import { call, jsonLines, must, report } from "../support/binary.ts";
import { type Fleet, withFleet } from "../support/fleet.ts";
import {
  canMakeUsers,
  type KeyRole,
  type KeyVariables,
  limitedKeys,
  newKey,
  withLimitedRole,
} from "../support/limited-keys.ts";
import { keysOf, otherWay } from "../support/spaces.ts";

type Env = Readonly<Record<string, string>>;

interface Doctor {
  readonly ok: boolean;
  readonly checks: readonly {
    readonly name: string;
    readonly ok: boolean | null;
    readonly what: string;
    readonly fix: string | null;
  }[];
}

/** Run `body` with an environment for each key; in all of them the database's role is the limited one, too. */
async function withLimited(body: (fleet: Fleet, envs: Readonly<Record<KeyRole, Env>>) => Promise<void>) {
  await withFleet(async (fleet) => {
    const keys = await limitedKeys(fleet);
    await withLimitedRole(fleet, async (DATABASE_URL) => {
      const env = (role: KeyRole) => ({ ...fleet.env, ...keys[role], DATABASE_URL });
      await body(fleet, { submit: env("submit"), worker: env("worker"), read: env("read") });
    });
  });
}

function fold(args: readonly string[], env: Env, cwd: string): Promise<string> {
  return must(args, { env, cwd });
}

/** Calls, and expects that the other side refuses: which right is missing stands in the hint. */
async function refused(args: readonly string[], env: Env, cwd: string, message: string, right: string) {
  const { exit, stderr } = await call(args, { env, cwd });
  expect({ args, exit, stderr }).toEqual({ args, exit: 4, stderr: expect.stringMatching(new RegExp(message)) });
  expect(stderr).toContain(right);
}

async function doctor(role: string, env: Env): Promise<Doctor & { readonly exit: number }> {
  const { exit, stdout } = await call(["doctor", "--role", role, "--json"], { env });
  return { ...(JSON.parse(stdout) as Doctor), exit };
}

const note = canMakeUsers ? "" : " (needs a gateway of scripts/servers/spaces.sh)";

test.if(canMakeUsers)(`a job on its way through three keys${note}`, async () => {
  await withLimited(async ({ folder, env: owner, buckets }, { submit, worker, read }) => {
    writeFileSync(join(folder, "a.txt"), "all the a readers. his case of. all his, the case, a of.\n");
    writeFileSync(join(folder, "b.txt"), "all the b readers. his case of. all his, the case, b of.\n");
    await fold(["submit", "a.txt", "b.txt", "--merge"], submit, folder);
    const [, end] = [
      await fold(["worker", "--json"], worker, folder),
      await fold(["status", "--json"], worker, folder),
    ];
    expect(JSON.parse(end)).toMatchObject({ waiting: 0, running: 0, done: 1, failed: 0 });
    const [archive] = jsonLines<{ name: string }>(await fold(["archives", "--json"], read, folder));
    const { name } = archive!;
    await fold(["get", name, "--out", "got.tar.zst"], read, folder);
    const url = (await fold(["url", name], read, folder)).trim();
    const fetched = new Uint8Array(await (await fetch(url)).arrayBuffer());
    expect(fetched).toEqual(new Uint8Array(readFileSync(join(folder, "got.tar.zst"))));
    const alone = await report(["run", "a.txt", "b.txt", "--merge", "--out", "alone"], { cwd: folder });
    const shown = JSON.parse(await fold(["show", "got.tar.zst", "--json"], read, folder));
    expect(shown.content_sha256).toBe(alone.content_sha256);
    // What the merge has used up could be removed, with the parts that were finished on the way.
    expect((await keysOf(buckets.results)).length).toBe(1);
    expect(await keysOf(buckets.temp)).toEqual([]);
    expect(await fold(["gc", "--grace", "1s", "--dry-run"], owner, folder)).toMatch(/^would delete 0 archives/);
    // What one key has written to sign a bucket another one writes again.
    for (let round = 0; round < 2; round++) {
      expect(await fold(["gc", "--grace", "1s"], owner, folder)).toMatch(/^deleted 0 archives/);
      await fold(["submit", "a.txt", "--again"], submit, folder);
      await fold(["worker"], worker, folder);
    }
  });
});

test.if(canMakeUsers)(`what a key is not for is refused, and nothing comes of it${note}`, async () => {
  await withLimited(async ({ folder, buckets, env: owner }, { submit, worker, read }) => {
    writeFileSync(join(folder, "a.txt"), "one two. three four.\n");
    writeFileSync(join(folder, "b.txt"), "five six. seven eight.\n");
    const { input, results, temp } = buckets;
    await refused(["submit", "a.txt"], worker, folder, `cannot write ${input.name}/inputs/`, "s3:PutObject");
    await refused(["submit", "a.txt"], read, folder, `cannot write ${input.name}/inputs/`, "s3:PutObject");
    expect(await fold(["jobs", "--json"], owner, folder)).toBe("");
    await fold(["submit", "a.txt"], submit, folder);

    // A worker whose key is refused gives its job back, as often as it is started: the job is not to blame.
    for (let i = 0; i < 4; i++) {
      // From the second attempt on it is looked for what the first has left.
      const [message, right] =
        i === 0 ? [`write ${results.name}/archives/`, "s3:PutObject"] : [`list ${temp.name}/jobs/`, "s3:ListBucket"];
      await refused(["worker", "--json"], submit, folder, `cannot ${message}`, right);
    }
    await refused(["worker"], read, folder, `cannot (list ${temp.name}/jobs|read ${input.name}/inputs)/`, "s3:");
    const [job] = jsonLines(await fold(["jobs", "--json"], owner, folder));
    expect(job).toMatchObject({ status: "pending", name: "a" });
    await fold(["worker"], worker, folder);
    await refused(["get", "a"], submit, folder, `cannot (look at|read) ${results.name}/archives/`, "s3:GetObject");

    for (const env of [submit, worker, read]) {
      await refused(["setup"], env, folder, "cannot (look at the bucket|read the lifecycle rules)", "s3:");
      const elsewhere = { ...env, DO_SPACES_BUCKET_INPUT: `${input.name}-other` };
      await refused(["setup"], elsewhere, folder, "cannot make the bucket", "s3:CreateBucket");
      await refused(["db", "migrate"], env, folder, "permission denied", "role's rights");
    }
    await refused(["gc", "--inputs", "--grace", "0s"], read, folder, "cannot list", "s3:ListBucket");
  });
});

test.if(canMakeUsers)(
  `the doctor tells what a key may do, and asks for no more than its role needs${note}`,
  async () => {
    await withLimited(async ({ env: owner, buckets }, envs) => {
      await call(["setup"], { env: owner });
      const { input, results, temp } = buckets;
      for (const role of ["submit", "worker", "read"] as const) {
        const { exit, ok, checks } = await doctor(role, envs[role]);
        expect(checks.filter((check) => check.ok !== true)).toEqual([]);
        expect([exit, ok]).toEqual([0, true]);
        const what = (name: string) => checks.find((check) => check.name === name)?.what;
        const timed = [input, results, temp].filter(({ name }) => what(`${name}: latency`)?.startsWith("an answer"));
        expect(timed).toEqual({ submit: [input], worker: [input, results, temp], read: [results] }[role]);
        if (role === "worker") expect(what(`${input.name}: write`)).toBe("it may not, nor need it");
        if (role === "submit") expect(what(`${input.name}: write`)).toBe("it may");
        if (role === "read") expect(what(`${results.name}: delete`)).toBe("it may not, nor need it");
        // Of everything, something is missing.
        expect(await doctor("all", envs[role])).toMatchObject({ exit: 1, ok: false });
      }
      const wrong = await doctor("worker", envs.submit);
      expect(wrong.exit).toBe(1);
      const bad = wrong.checks.filter(({ ok }) => ok === false).map(({ name }) => name);
      expect(bad).toEqual([results.name, temp.name].map((name) => `${name}: is there`));
      const poor = await doctor("submit", envs.read);
      expect(poor.checks.find(({ ok }) => ok === false)?.fix).toContain("s3:");
      // The owner's key may do more than a reader needs: told, and nothing is wrong with it.
      const rich = await doctor("read", owner);
      expect(rich).toMatchObject({ exit: 0, ok: true });
      expect(rich.checks.find(({ name }) => name === `${temp.name}: write`)?.what).toBe("it may; this role need not");
      for (const bucket of Object.values(buckets)) expect(await keysOf(bucket)).toEqual([]);
    });
  },
);

/** What is tried with objects: of fold's own prefix, and beside it. */
const deeds: Readonly<Record<string, (bucket: Bucket, key: string) => Promise<unknown>>> = {
  read: (bucket, key) => bucket.get(key, 10),
  write: (bucket, key) => bucket.put(`${key}-new`, new Uint8Array(1)),
  "write in parts": (bucket, key) => bucket.putInParts(`${key}-new`, new Uint8Array(1)),
  delete: (bucket, key) => bucket.remove([`${key}-old`]),
  rules: (bucket) => bucket.ensureTidying({ expire_days: 1, abort_days: 1 }),
  "delete the bucket": (bucket) => bucket.removeItself(),
};

test.if(canMakeUsers)(`each policy lets each key do what it is for, below fold's own prefix alone${note}`, async () => {
  await withFleet(async (fleet) => {
    const keys = await limitedKeys(fleet);
    const prefixes = { input: "inputs", results: "archives", temp: "jobs" } as const;
    const may: string[] = [];
    for (const [use, prefix] of Object.entries(prefixes) as [keyof typeof prefixes, string][]) {
      const bucket = fleet.buckets[use];
      for (const place of [prefix, "other"]) {
        for (const role of ["submit", "worker", "read"] as const) {
          const { DO_SPACES_ACCESS_KEY: accessKey, DO_SPACES_SECRET_KEY: secretKey } = keys[role] as KeyVariables;
          const limited = otherWay(bucket, { accessKey, secretKey });
          for (const [deed, act] of Object.entries(deeds)) {
            const key = `${place}/${role}`;
            for (const suffix of ["", "-old"]) await bucket.put(`${key}${suffix}`, new Uint8Array(1));
            const code = await act(limited, key).then(
              () => "done",
              (error: { code?: string }) => error.code,
            );
            expect(["done", "refused"]).toContain(code as string);
            if (code === "done") may.push(`${role}: ${deed} ${use}/${place}`);
          }
        }
      }
    }
    const whole = (use: string, place: string) =>
      ["read", "write", "write in parts", "delete"].map((deed) => `worker: ${deed} ${use}/${place}`);
    expect(may.sort()).toEqual(
      [
        ...["read", "write", "write in parts"].map((deed) => `submit: ${deed} input/inputs`),
        "worker: read input/inputs",
        ...whole("results", "archives"),
        ...whole("temp", "jobs"),
        "read: read results/archives",
      ].sort(),
    );
  });
});

test.if(canMakeUsers)(`a key that nobody has given anything may do nothing${note}`, async () => {
  await withFleet(async ({ env, folder }) => {
    const nobody = { ...env, ...(await newKey(`nobody-${crypto.randomUUID().slice(0, 8)}`)) };
    writeFileSync(join(folder, "a.txt"), "one two. three four.\n");
    await refused(["submit", "a.txt"], nobody, folder, "the key may not do this", "s3:");
    await refused(["gc"], nobody, folder, "the key may not do this", "s3:ListBucket");
    expect((await doctor("read", nobody)).exit).toBe(1);
  });
});
