// Every statement through PgBouncer in transaction mode: two statements of one connection may go to two servers.
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { abandonJob } from "../../src/db/abandon-job.ts";
import { claimJob } from "../../src/db/claim-job.ts";
import { claimMerge } from "../../src/db/claim-merge.ts";
import { completeJob } from "../../src/db/complete-job.ts";
import { heartbeat } from "../../src/db/heartbeat.ts";
import { listArchives } from "../../src/db/list-archives.ts";
import { checkSchema, migrate } from "../../src/db/migrations.ts";
import { asOwner, connect, newDatabase } from "../support/database.ts";
import { archiveOf, broken, claim, submit } from "./fixtures.ts";

const program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].find((path) => existsSync(path));

/** A free port: the system's next one. */
function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  listener.stop(true);
  return listener.port;
}

/** Start PgBouncer in front of a database; the URL to go through it. */
function startPooler(url: string): string {
  const folder = mkdtempSync(join(tmpdir(), "fold-pgbouncer-"));
  const { hostname, port, username, password, pathname } = new URL(url);
  const [listen, name] = [freePort(), pathname.slice(1)];
  const config = join(folder, "pgbouncer.ini");
  writeFileSync(join(folder, "users"), `"${username}" "${password}"\n`);
  writeFileSync(
    config,
    `[databases]\n${name} = host=${hostname} port=${port} dbname=${name}\n[pgbouncer]\nlisten_addr = 127.0.0.1
listen_port = ${listen}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = ${join(folder, "users")}
pool_mode = transaction\ndefault_pool_size = 5\nserver_round_robin = 1\n`,
  );
  // It refuses to run as root.
  const isRoot = process.getuid?.() === 0;
  if (isRoot) Bun.spawnSync(["chown", "-R", "postgres", folder]);
  const as = isRoot ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] : [];
  const child = Bun.spawn([...as, program!, config], { stdio: ["ignore", "ignore", "ignore"] });
  afterAll(async () => {
    child.kill();
    await child.exited;
    rmSync(folder, { recursive: true, force: true });
  });
  return Object.assign(new URL(url), { port: String(listen) }).href;
}

test.skipIf(program === undefined)("the life of many jobs behind a pooler (skipped without pgbouncer)", async () => {
  const url = startPooler(await newDatabase(false));
  const databases = await Promise.all(Array.from({ length: 12 }, () => connect(url, { max: 2 })));
  const [database] = databases;
  const migrated = await Promise.all(databases.map((one) => migrate(one)));
  expect(migrated.filter((names) => names.length > 0).length).toBe(1);
  await checkSchema(database);
  await submit(database, ...Array.from({ length: 60 }, (_, i) => `text ${i}`));
  await abandonJob(database, await claim(database));
  await Promise.all(
    databases.map(async (one, i) => {
      for (;;) {
        const worker = `w${i}`;
        const job =
          (await claimJob(one, { worker, scope: "all" })) ??
          (await claimMerge(one, { worker, options: null, scope: "all" }));
        if (job === null) return;
        await heartbeat(one, job, { share: 0.5, orthos: 1 });
        await completeJob(one, job, archiveOf(job, job.archives.length + 1));
      }
    }),
  );
  for (;;) {
    const job = await claimMerge(database, { worker: "last", options: null, scope: "all" });
    if (job === null) break;
    await completeJob(database, job, archiveOf(job));
  }
  expect((await listArchives(database)).length).toBe(1);
  expect(await broken(database)).toEqual([]);
  const name = new URL(url).pathname.slice(1);
  const backends = await asOwner((sql) => sql`select from pg_stat_activity where datname = ${name}`);
  expect(backends.length).toBeLessThanOrEqual(5);
});
