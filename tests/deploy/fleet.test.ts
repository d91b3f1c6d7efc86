// scripts/spawn_workers.sh and scripts/manage_pool.sh against a fake of doctl.
import { beforeEach, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FakeDoctl } from "../support/fake-doctl.ts";
import { projectFile } from "../support/project.ts";
import { temporaryFolder } from "../support/temporary.ts";

const SECRET = "p w'\"$(id)`x`\\n&;|=#%é";
const folder = temporaryFolder();
let doctl: FakeDoctl;
let envFile = "";
let count = 0;

beforeEach(() => {
  doctl = new FakeDoctl(join(folder, `doctl-${count++}`));
  envFile = join(folder, `it's ${count} worker.env`);
  writeFileSync(envFile, `# the fleet\nDATABASE_URL=postgres://w:${SECRET}@db/fold?sslmode=require\n`, { mode: 0o600 });
});

async function run(script: string, args: readonly string[], env: Record<string, string> = {}) {
  const child = Bun.spawn(["sh", projectFile(`scripts/${script}`), ...args], {
    env: {
      PATH: "/usr/bin:/bin",
      HOME: folder,
      TMPDIR: folder,
      FOLD_RELEASES: "https://example.invalid/releases",
      ...doctl.env,
      ...env,
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { exit, stdout, stderr };
}

const spawn = (...args: string[]) => run("spawn_workers.sh", ["--env-file", envFile, ...args]);
const pool = (...args: string[]) => run("manage_pool.sh", args);

/** The settings that user-data carries, as text. */
function settingsOf(userData: string): string {
  const encoded = /^FOLD_SETTINGS=([A-Za-z0-9+/=]+)$/m.exec(userData)?.[1] ?? "";
  return Buffer.from(encoded, "base64").toString();
}

test("three workers: one call, names of one beginning, settings in the user-data, no secret in any command line", async () => {
  const ended = await spawn(
    "--count",
    "3",
    "--size",
    "c-2",
    "--region",
    "fra1",
    "--ssh-keys",
    "1,2",
    "--pool",
    "readers",
  );
  expect([ended.exit, ended.stderr]).toEqual([0, ""]);
  expect(doctl.droplets).toHaveLength(3);
  expect(doctl.calls).toHaveLength(1);
  const [call] = doctl.calls;
  const names = call.slice(3, 6);
  expect(names.map((name) => /^readers-\d{10}-[0-9a-f]{4}-(\d)$/.exec(name)?.[1])).toEqual(["1", "2", "3"]);
  for (const pair of [
    "--size c-2",
    "--region fra1",
    "--ssh-keys 1,2",
    "--tag-names readers",
    "--image debian-12-x64",
  ]) {
    expect(call.join(" ")).toContain(pair);
  }
  const [userData] = doctl.userData;
  expect(userData).toStartWith("#!/bin/sh\nFOLD_SETTINGS=");
  expect(userData.length).toBeLessThan(16_384);
  expect(userData).not.toContain("postgres:");
  expect(settingsOf(userData)).toBe(
    `# the fleet\nDATABASE_URL=postgres://w:${SECRET}@db/fold?sslmode=require\n\nWORKER_MODE=continuous\nFOLD_RELEASES=https://example.invalid/releases\n`,
  );
  // The file was nobody else's, and is gone; no list of processes told what was in it.
  expect(doctl.read("modes")).toStartWith("-rw-------");
  expect(doctl.read("processes")).toContain("fake-doctl");
  expect(doctl.read("processes")).not.toContain("postgres://w:");
  expect(doctl.read("processes")).not.toContain(userData.slice(30, 60));
  expect(readdirSync(folder).filter((name) => name.startsWith("tmp."))).toEqual([]);
});

test("a droplet for each input, whatever it is called", async () => {
  const inputs = ["books/moby dick.txt", 'it\'s "$(rm -rf ~)" `x` \\ é.txt', "-n", "a=b#c"];
  const ended = await spawn(
    "--mode",
    "cloud-worker",
    ...inputs.flatMap((input) => ["--input", input]),
    "--version",
    "1.2.0",
    "--keep",
  );
  expect([ended.exit, ended.stderr]).toEqual([0, ""]);
  expect(doctl.droplets).toHaveLength(4);
  expect(doctl.userData.map((data) => /^INPUT_FILE=(.*)$/m.exec(settingsOf(data))?.[1])).toEqual(inputs);
  expect(settingsOf(doctl.userData[0])).toContain("WORKER_MODE=cloud-worker\n");
  expect(settingsOf(doctl.userData[0])).toEndWith("FOLD_VERSION=1.2.0\nFOLD_KEEP=1\n");
  expect(new Set(doctl.droplets.map((line) => line.split(" ")[1])).size).toBe(4);
});

test("--dry-run makes nothing, and needs no doctl", async () => {
  const ended = await run("spawn_workers.sh", ["--env-file", envFile, "--dry-run", "--count", "2"], {
    DOCTL: "no-such-doctl",
  });
  expect(ended.stdout).toMatch(/^no-such-doctl compute droplet create fold-worker-\S+-1 fold-worker-\S+-2 --size/);
  expect([ended.exit, doctl.calls]).toEqual([0, []]);
});

const mistakes: [args: string[], exit: number, stderr: RegExp][] = [
  [["--count", "0"], 2, /--count cannot be '0'/],
  [["--count", "101"], 2, /--count cannot be 101/],
  [["--count", "99999999999999999999"], 2, /--count cannot be/],
  [["--count", "$(id)"], 2, /--count cannot be/],
  [["--pool", "Fold Worker"], 2, /pool cannot be called 'Fold Worker'/],
  [["--pool", "x".repeat(41)], 2, /longer than 40/],
  [["--size", "--force"], 2, /--size cannot be '--force'/],
  [["--region"], 2, /--region needs a value/],
  [["--mode", "local"], 2, /--mode cannot be 'local'/],
  [["--mode", "cloud-worker"], 2, /needs --input/],
  [["--mode", "cloud-worker", ...Array.from({ length: 101 }, () => ["--input", "a"]).flat()], 2, /too many inputs/],
  [["--input", "a"], 2, /--input goes with --mode cloud-worker/],
  [["--mode", "cloud-worker", "--input", "a\nDATABASE_URL=b"], 2, /--input holds a line break/],
  [["--mode", "one-shot", "--job-id", "x", "--count", "2"], 2, /one job needs one worker/],
  [["--job-id", "x"], 2, /--job-id goes with --mode one-shot/],
  [["--releases", "http://example.invalid"], 2, /not said where the releases are/],
  [["--releases", "https://a$(id)"], 2, /is no address/],
  [["--mode", "one-shot", "--stay"], 2, /--stay goes with --mode continuous/],
  [["--releases", "https://ada:secret@example.invalid/releases"], 2, /is no address/],
  [["--version", "../x"], 2, /there is no release '..\/x'/],
  [["--wat"], 2, /unknown argument: --wat/],
];
test.each(mistakes)("refused: %j", async (args, exit, stderr) => {
  const ended = await spawn(...args);
  expect(ended.stderr).toMatch(stderr);
  expect(ended.stderr).toMatch(/\nhint: /);
  expect([ended.exit, doctl.calls]).toEqual([exit, []]);
});

const badFiles: [what: string, text: string, mode: number, exit: number, stderr: RegExp][] = [
  ["that others may read", "A=b\n", 0o640, 2, /others may read/],
  ["that is code", "A=b\nexport C=secret\n", 0o600, 2, /line 2 of .* is not NAME=VALUE/],
  ["with quotes", "A='secret'\n", 0o600, 2, /line 1 of .* begins with a quote/],
  ["that worker.sh does not take", "A=b\nLD_PRELOAD=secret\n", 0o600, 2, /line 2 of .* sets what workers do not take/],
  ["with a name in small letters", "work=secret\n", 0o600, 2, /line 1 of .* sets what workers do not take/],
  ["with a mode, which is an option", "A=b\nWORKER_MODE=one-shot\n", 0o600, 2, /line 2 of .* sets WORKER_MODE/],
  ["that lets droplets stay on", "FOLD_KEEP=secret\n", 0o600, 2, /line 1 of .* sets FOLD_KEEP/],
  ["that is too long", `A=${"secret".repeat(9000)}\n`, 0o600, 1, /would have \d+ bytes, more than 65536/],
];
test.each(badFiles)("an env file %s", async (_, text, mode, exit, stderr) => {
  writeFileSync(envFile, text);
  chmodSync(envFile, mode);
  const ended = await spawn();
  expect(ended.stderr).toMatch(stderr);
  expect(ended.stderr).not.toContain("secret");
  expect([ended.exit, doctl.calls]).toEqual([exit, []]);
});

test("an env file from Windows, behind a link", async () => {
  writeFileSync(envFile, "A=b\r\n\r\nhttps_proxy=http://10.0.0.1\r\n");
  const link = join(folder, "link.env");
  symlinkSync(envFile, link);
  const ended = await run("spawn_workers.sh", ["--env-file", link]);
  expect([ended.exit, ended.stderr]).toEqual([0, ""]);
  expect(settingsOf(doctl.userData[0])).toStartWith("A=b\r\n\r\nhttps_proxy=http://10.0.0.1\r\n");
});

test("it finds its parts wherever CDPATH leads", async () => {
  mkdirSync(join(folder, "elsewhere/scripts"), { recursive: true });
  const child = Bun.spawn(["sh", "scripts/manage_pool.sh", "add", "1", "--env-file", envFile], {
    cwd: projectFile("."),
    env: {
      PATH: "/usr/bin:/bin",
      CDPATH: join(folder, "elsewhere"),
      FOLD_RELEASES: "https://example.invalid",
      ...doctl.env,
    },
    stderr: "pipe",
    stdout: "ignore",
  });
  expect([await child.stderr.text(), await child.exited]).toEqual(["", 0]);
  expect(doctl.droplets).toHaveLength(1);
});

test("doctl stops half-way: what there is is listed, and how to go on", async () => {
  doctl.let("most", 2);
  const ended = await spawn("--count", "5");
  const names = doctl.droplets.map((line) => line.split(" ")[1] ?? "none");
  expect(names).toHaveLength(2);
  for (const name of names) expect(ended.stderr).toContain(name);
  expect(ended.stderr).toContain("exceed your droplet limit");
  expect(ended.stderr).toContain("spawn_workers.sh: doctl made 2 of 5 droplets\nhint: they work and cost");
  expect(ended.stderr).toContain("the same command again would make 5 more");
  expect(ended.exit).toBe(3);
});

test("doctl makes none: told so", async () => {
  doctl.setDroplets(["410001 fold-worker-a active fold-worker"]);
  doctl.let("most", 1);
  const ended = await spawn("--count", "2");
  expect(ended.stderr).toContain(
    "doctl could not make the droplets\nhint: what doctl says stands above; none was made\n",
  );
  expect([ended.exit, doctl.droplets.length]).toEqual([1, 1]);
});

test("doctl stops half-way through inputs: those without a droplet are named", async () => {
  doctl.let("most", 1);
  const ended = await spawn("--mode", "cloud-worker", "--input", "a.txt", "--input", "b c.txt", "--input", "d.txt");
  expect(ended.stderr).toContain("\nnone for b c.txt\nnone for d.txt\nspawn_workers.sh: doctl made 1 of 3 droplets\n");
  expect(ended.stderr).not.toContain("none for a.txt");
  expect(ended.exit).toBe(3);
});

test("no doctl, no env file, doctl refuses", async () => {
  expect((await run("spawn_workers.sh", ["--env-file", envFile], { DOCTL: "no-such-doctl" })).stderr).toContain(
    "doctl is not there",
  );
  expect((await run("manage_pool.sh", ["list"], { DOCTL: "no-such-doctl" })).stderr).toContain("doctl is not there");
  expect((await run("spawn_workers.sh", [])).stderr).toContain("--env-file is missing");
  expect((await run("spawn_workers.sh", ["--env-file", join(folder, "none")])).exit).toBe(5);
  doctl.let("refuse");
  const refused = await spawn();
  expect(refused.stderr).toMatch(
    /Unable to authenticate you\nspawn_workers.sh: doctl could not make the droplets\nhint: /,
  );
  expect(refused.exit).toBe(1);
  expect((await pool("list")).stderr).toContain("doctl could not list the droplets");
  expect((await pool("remove", "--all")).exit).toBe(1);
});

const droplets = [
  "410001 fold-worker-a active fold-worker",
  "410002 fold-worker-b off fold-worker",
  "410003 fold-worker-c active fold-worker",
  "410004 database active other",
  "410005 fold-worker-d new fold-worker",
];
const ids = () => doctl.droplets.map((line) => Number(line.split(" ")[0]));

test("list tells of the pool alone, and what is powered off but paid for", async () => {
  doctl.setDroplets(droplets);
  const { stdout, stderr, exit } = await pool("list");
  expect(stdout).not.toContain("database");
  expect(stdout.trim().split("\n")).toHaveLength(4);
  expect(stderr).toContain("1 powered off, which cost as much");
  expect(exit).toBe(0);
});

const removals: [args: string[], left: number[]][] = [
  [["--stopped"], [410001, 410003, 410004, 410005]],
  [["--all"], [410004]],
  [["1"], [410001, 410003, 410004, 410005]],
  [["2"], [410001, 410003, 410004]],
  [["0"], [410001, 410002, 410003, 410004, 410005]],
  [["50"], [410004]],
  [
    ["fold-worker-a", "410003", "410003"],
    [410002, 410004, 410005],
  ],
];
test.each(removals)("remove %j", async (args, left) => {
  doctl.setDroplets(droplets);
  const ended = await pool("remove", ...args);
  expect([ended.exit, ended.stderr]).toEqual([0, ""]);
  expect(ids()).toEqual(left);
});

test("what is removed is shut down first, so that its job is given back; unless it hangs, or --now", async () => {
  doctl.setDroplets(droplets);
  await pool("remove", "410001");
  const actions = () => doctl.calls.map((call) => call.slice(2, call[2] === "list" ? 3 : 4).join(" "));
  // That it is asked to does not mean that it is off.
  expect(actions()).toEqual(["list", "shutdown 410001", "list", "list", "delete 410001"]);
  await pool("remove", "--now", "410003");
  expect(actions().slice(5)).toEqual(["list", "delete 410003"]);
  doctl.setDroplets(droplets);
  // All are asked before the first is waited for.
  await pool("remove", "410001", "410003");
  expect(actions().slice(7, 10)).toEqual(["list", "shutdown 410001", "shutdown 410003"]);
  expect(ids()).toEqual([410002, 410004, 410005]);
  doctl.setDroplets(droplets);
  doctl.let("hangs");
  const ended = await pool("remove", "410001");
  expect(ended.stderr).toContain("fold-worker-a does not shut down; it is deleted all the same");
  expect(ids()).not.toContain(410001);
});

test("a droplet that is asked to shut down and does not is removed in the end", async () => {
  doctl.setDroplets(droplets);
  doctl.let("deaf");
  const ended = await pool("remove", "410001");
  expect(ended.stderr).toBe("manage_pool.sh: fold-worker-a is still on; it is deleted all the same\n");
  expect([ended.exit, ids()]).toEqual([0, [410002, 410003, 410004, 410005]]);
});

const signals: [signal: NodeJS.Signals, exit: number][] = [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
];
test.each(signals)("%s while droplets shut down, or are made: told how to see what there is", async (signal, exit) => {
  doctl.setDroplets(droplets);
  doctl.let("deaf");
  // It stands still when it is told to change something.
  const slow = join(doctl.folder, "slow");
  writeFileSync(
    slow,
    `#!/bin/sh\ncase "$3" in shutdown|create) : >'${slow}-now'; exec sleep 600 ;; esac\nexec '${doctl.path}' "$@"\n`,
    {
      mode: 0o755,
    },
  );
  const temporary = join(doctl.folder, "temporary");
  mkdirSync(temporary);
  for (const args of [
    ["remove", "410001"],
    ["add", "1", "--env-file", envFile],
  ]) {
    rmSync(`${slow}-now`, { force: true });
    const child = Bun.spawn(["setsid", "sh", projectFile("scripts/manage_pool.sh"), ...args], {
      env: {
        PATH: "/usr/bin:/bin",
        TMPDIR: temporary,
        FOLD_RELEASES: "https://example.invalid",
        ...doctl.env,
        DOCTL: slow,
      },
      stdout: "ignore",
      stderr: "pipe",
    });
    while (!existsSync(`${slow}-now`)) await Bun.sleep(10);
    // A terminal's Ctrl-C, and its end, go to the whole group.
    process.kill(-child.pid, signal);
    expect(await child.stderr.text()).toContain("stopped\nhint: `manage_pool.sh list --pool fold-worker` tells");
    expect(await child.exited).toBe(exit);
  }
  expect(ids()).toContain(410001);
  // The user-data with its secrets is gone, too.
  expect(readdirSync(temporary)).toEqual([]);
});

test("a dry run that nobody listens to leaves no secrets behind", async () => {
  const temporary = join(doctl.folder, "temporary");
  mkdirSync(temporary);
  // A pipe whose other end is closed already.
  const closed = 'mkfifo "$TMPDIR/../pipe"; : <"$TMPDIR/../pipe" & exec >"$TMPDIR/../pipe"; wait; exec sh "$0" "$@"';
  const script = projectFile("scripts/spawn_workers.sh");
  const child = Bun.spawn(["sh", "-c", closed, script, "--dry-run", "--env-file", envFile], {
    env: { PATH: "/usr/bin:/bin", TMPDIR: temporary, FOLD_RELEASES: "https://example.invalid" },
    stdout: "ignore",
    stderr: "pipe",
  });
  expect(await child.stderr.text()).toContain("stopped\nhint: ");
  expect(readdirSync(temporary)).toEqual([]);
});

test("one that cannot be deleted does not keep the others", async () => {
  doctl.setDroplets(droplets);
  doctl.let("keeps", 410001);
  const ended = await pool("remove", "--all");
  expect(ended.stderr).toContain("manage_pool.sh: doctl could not delete fold-worker-a\nhint: ");
  expect([ended.exit, ids()]).toEqual([1, [410001, 410004]]);
});

test("nothing outside of the pool is ever removed", async () => {
  doctl.setDroplets(droplets);
  for (const word of ["410004", "database", "fold-worker", "$(id)", "999999"]) {
    const ended = await pool("remove", word);
    expect(ended.stderr).toContain(`there is no droplet ${word} in the pool fold-worker`);
    expect(ended.exit).toBe(5);
  }
  expect(doctl.droplets).toEqual(droplets);
  expect((await pool("remove", "410004", "--pool", "other")).exit).toBe(0);
  expect(ids()).not.toContain(410004);
});

test("resize adds, removes the youngest, and clears away what is powered off", async () => {
  doctl.setDroplets(droplets);
  const more = await pool("resize", "5", "--env-file", envFile, "--size", "c-2");
  expect([more.exit, more.stderr]).toEqual([0, ""]);
  expect(ids().filter((id) => id > 500000)).toHaveLength(2);
  expect(ids()).not.toContain(410002);
  const fewer = await pool("resize", "1");
  expect([fewer.exit, ids()]).toEqual([0, [410001, 410004]]);
  expect((await pool("resize", "1")).stdout).toBe("1 run already\n");
  expect((await pool("resize", "0")).exit).toBe(0);
  expect(ids()).toEqual([410004]);
});

test.each([
  [["0", "--pool=readers"], 2, "unknown argument: --pool=readers"],
  [["0", "readers"], 2, "unknown argument: readers"],
  [["0", "--input"], 2, "unknown argument: 1"],
  [["5"], 2, "--env-file is missing"],
  [["150", "--env-file", "worker.env"], 5, "cannot read worker.env"],
])("resize %j: options that are wrong are told before anything is removed", async (args, exit, told) => {
  doctl.setDroplets(droplets);
  const ended = await pool("resize", ...args);
  expect(ended.stderr).toContain(told);
  expect([ended.exit, doctl.droplets]).toEqual([exit, droplets]);
});

test("help removes nothing", async () => {
  doctl.setDroplets(droplets);
  const ended = await pool("resize", "0", "--help");
  expect([ended.exit, ended.stdout.split(" ")[0], doctl.droplets]).toEqual([0, "usage:", droplets]);
});

test("no option takes the place of the number that add and resize are given", async () => {
  expect((await pool("add", "1", "--env-file", envFile, "--count", "5")).exit).toBe(0);
  expect(doctl.droplets).toHaveLength(1);
});

test("add passes its options on", async () => {
  const ended = await pool("add", "2", "--pool", "readers", "--env-file", envFile, "--mode", "one-shot");
  expect([ended.exit, ended.stderr]).toEqual([0, ""]);
  expect(doctl.droplets.every((line) => line.endsWith(" readers"))).toBe(true);
  expect(settingsOf(doctl.userData[0])).toContain("WORKER_MODE=one-shot\n");
});

test.each([
  [[]],
  [["destroy"]],
  [["remove"]],
  [["add"]],
  [["add", "x"]],
  [["resize"]],
  [["resize", "010"]],
  [["list", "x"]],
  [["list", "--pool", "A B"]],
  [["list", "--pool"]],
])("wrong usage: %j", async (args) => {
  const ended = await pool(...args);
  expect(ended.stderr).toMatch(/^manage_pool.sh: .*\nhint: /);
  expect(ended.exit).toBe(2);
  expect(doctl.calls.every(([, , verb]) => verb === "list")).toBe(true);
});
