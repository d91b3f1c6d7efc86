// The starter of a throw-away server: once started it is found again, and it ends when it is told to.
import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { serverOf } from "../../src/db/server.ts";
import { connect } from "../support/database.ts";
import { projectFile } from "../support/project.ts";

const startAndWait = `
  const [path, name] = process.argv.slice(1);
  const { Servers } = await import(path);
  const { DATABASE_URL, DO_SPACES_ENDPOINT } = await Servers.start([name]).variables();
  console.log(DATABASE_URL ?? DO_SPACES_ENDPOINT);
  setInterval(() => {}, 1000);
`;
const script = join(import.meta.dir, "../../scripts/servers/postgres.sh");
// Not below a folder that only its owner may enter: the server may be run by another user.
const folder = mkdtempSync("/tmp/fold-starter-");

async function starter(verb: string) {
  const child = Bun.spawn([script, verb, folder], { stdout: "pipe", stderr: "ignore" });
  const [stdout, exit] = [await child.stdout.text(), await child.exited];
  return { stdout, exit };
}

afterAll(async () => {
  await starter("down");
  rmSync(folder, { recursive: true, force: true });
});

chmodSync(folder, 0o755);
test("up, up again, down, down again, and up with the same data", async () => {
  const first = await starter("up");
  expect([first.exit, first.stdout]).toEqual([
    0,
    expect.stringMatching(/^export DATABASE_URL=postgres:\/\/fold:[0-9a-f]{32}@127\.0\.0\.1:\d+\/postgres\n$/),
  ]);
  expect(await starter("up")).toEqual(first);
  // Its socket asks for no password.
  expect(statSync(folder).mode & 0o077).toBe(0);
  const url = first.stdout.trim().replace("export DATABASE_URL=", "");
  const database = await connect(url, { max: 1 });
  expect((await serverOf(database)).version).toMatch(/^\d+/);
  await database.close();
  for (let i = 0; i < 2; i++) expect(await starter("down")).toEqual({ exit: 0, stdout: "" });
  const again = await starter("up");
  expect(new URL(again.stdout.trim().replace("export DATABASE_URL=", "")).password).toBe(new URL(url).password);
});

async function isOpen(port: number): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } });
    socket.end();
    return true;
  } catch {
    return false;
  }
}

const hasCeph = ["ceph-mon", "ceph-osd", "radosgw"].every((program) => Bun.which(program) !== null);
test.each(hasCeph ? ["postgres", "spaces"] : ["postgres"])(
  "%s ends with the process that it was started for, however that ends",
  async (name) => {
    const run = Bun.spawn([process.execPath, "-e", startAndWait, projectFile("scripts/servers.ts"), name], {
      env: { PATH: process.env.PATH },
      stdout: "pipe",
    });
    const told = await run.stdout.getReader().read();
    const [url = ""] = new TextDecoder().decode(told.value).trim().split("\n");
    expect(await isOpen(Number(new URL(url).port))).toBe(true);
    run.kill("SIGKILL");
    while (await isOpen(Number(new URL(url).port))) await Bun.sleep(100);
  },
);
