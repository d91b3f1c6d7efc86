// The whole way of a droplet with the real program, a real database and a real gateway: a text is submitted, a fake of
// doctl is handed the user-data, and the user-data, run here, installs a release, works the job off and powers off.
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binary, call, report } from "../support/binary.ts";
import { newDatabase } from "../support/database.ts";
import { FakeDoctl } from "../support/fake-doctl.ts";
import { projectFile } from "../support/project.ts";
import { publish, publishInstaller, ReleaseServer } from "../support/release.ts";
import { samplePath } from "../support/sample.ts";
import { ProcessList, secretsIn } from "../support/secrets.ts";
import { spaces, temporaryBucket } from "../support/spaces.ts";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder();
const server = new ReleaseServer(join(folder, "releases"), "1.0.0");
afterAll(() => server.stop());

test("a job that was submitted is worked off by a droplet's user-data", async () => {
  const release = join(server.folder, "1.0.0");
  await publish(release, binary);
  publishInstaller(release);
  const [input, results, temp] = [await temporaryBucket(), await temporaryBucket(), await temporaryBucket()];
  const settings = {
    DATABASE_URL: await newDatabase(),
    DO_SPACES_ENDPOINT: spaces.endpoint,
    DO_SPACES_REGION: spaces.region,
    DO_SPACES_ACCESS_KEY: spaces.accessKey,
    DO_SPACES_SECRET_KEY: spaces.secretKey,
    DO_SPACES_BUCKET_INPUT: input.name,
    DO_SPACES_BUCKET_RESULTS: results.name,
    DO_SPACES_BUCKET_TEMP: temp.name,
    LOCAL_CACHE_DIR: join(folder, "cache"),
  };
  const submitted = await call(["submit", samplePath, "--shards", "2", "--name", "log"], { env: settings });
  expect(submitted).toMatchObject({ exit: 0 });

  const processes = new ProcessList();
  const doctl = new FakeDoctl(join(folder, "doctl"));
  const envFile = join(folder, "worker.env");
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(envFile, lines.join(""), { mode: 0o600 });
  const spawned = Bun.spawn(["sh", projectFile("scripts/spawn_workers.sh"), "--env-file", envFile], {
    env: { PATH: "/usr/bin:/bin", HOME: folder, FOLD_RELEASES: server.address, ...doctl.env },
    stdout: "ignore",
  });
  expect(await spawned.exited).toBe(0);

  const home = join(folder, "droplet");
  mkdirSync(home);
  const [userData] = doctl.userData;
  writeFileSync(join(home, "user-data"), userData, "latin1");
  writeFileSync(join(home, "fake-poweroff"), `#!/bin/sh\n: >'${home}/off'\n`, { mode: 0o755 });
  const droplet = Bun.spawn(["sh", join(home, "user-data")], {
    env: {
      PATH: "/usr/sbin:/usr/bin:/bin",
      FOLD_METADATA: "http://127.0.0.1:1/metadata/v1",
      FOLD_PREFIX: home,
      FOLD_ETC: join(home, "etc"),
      FOLD_HOME: join(home, "home"),
      FOLD_RUN_AS: "",
      FOLD_PAUSE: "0",
      FOLD_POWER_OFF: join(home, "fake-poweroff"),
      FOLD_SYSTEMD: join(home, "none"),
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exit] = await Promise.all([droplet.stdout.text(), droplet.stderr.text(), droplet.exited]);
  expect([exit, stderr]).toEqual([0, expect.stringContaining("worker.sh: the worker ended with exit code 0\n")]);
  expect(existsSync(join(home, "off"))).toBe(true);
  // Neither told nor to be seen by others while it ran, from the script that makes droplets to the worker.
  const secrets = { key: spaces.secretKey, password: new URL(settings.DATABASE_URL).password || "none at all" };
  const commandLines = await processes.end();
  for (const program of ["spawn_workers.sh", "user-data", "worker --mode continuous"]) {
    expect(commandLines.some((line) => line.includes(program))).toBe(true);
  }
  expect(secretsIn([stdout, stderr, doctl.read("calls"), ...commandLines].join("\n"), secrets)).toEqual([]);

  // What the droplet made is what folding the text here gives, to the byte.
  const here = await report(["run", samplePath, "--name", "log", "--out", folder]);
  const got = await call(["get", "log", "--out", join(folder, "got.tar.zst")], { env: settings });
  expect(got).toMatchObject({ exit: 0 });
  const shown = await report(["show", join(folder, "got.tar.zst")]);
  expect([shown.orthos, shown.tar_sha256]).toEqual([here.orthos, here.tar_sha256]);
});
