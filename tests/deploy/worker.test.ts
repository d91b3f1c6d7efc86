// scripts/worker.sh as a droplet runs it: the user-data that spawn_workers.sh makes, a fake metadata service on
// loopback, a release made here of a fake program that tells how it was called, and a fake poweroff.
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FakeDoctl } from "../support/fake-doctl.ts";
import { projectFile } from "../support/project.ts";
import { publish, publishInstaller, ReleaseServer, target } from "../support/release.ts";
import { temporaryFolder } from "../support/temporary.ts";

const VERSION = "9.9.9";
const SECRET = "p w'\"$(id)`x`\\n&;|=#%é";
const folder = temporaryFolder();
const server = new ReleaseServer(join(folder, "releases"), VERSION);
const metadata = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/metadata/v1/id") return new Response("410000001");
    if (pathname === "/metadata/v1/hostname") return new Response("fold-worker-$(id)-1");
    return new Response("", { status: 404 });
  },
});

// Called as a worker it notes how, and ends as it is told to; the worker's end of a stop is 130.
const fakeProgram = `#!/bin/sh
# A fake of the program, for tests.
if [ "$1" = --version ]; then echo "fold ${VERSION} (commit fake, bun 0, ${target})"; exit 0; fi
note="$(dirname "$0")/../note"
mkdir -p "$note"
printf '%s\\n' "$*" >>"$note/calls"
env >"$note/env"
ls -l "$FOLD_ETC/worker.env" >"$note/mode"
cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' >"$note/processes"
cut -d ' ' -f 5 /proc/$$/stat >"$note/group"
if [ -n "\${FAKE_STAYS:-}" ]; then
  trap 'echo stopped >>"$note/calls"; exit 130' TERM
  : >"$note/ready"
  while :; do sleep 0.05; done
fi
exit "$(sed -n "$(wc -l <"$note/calls")p" "$note/exits" 2>/dev/null || true)"
`;

let home = "";
let count = 0;
beforeAll(async () => {
  const program = join(folder, "fake-program");
  writeFileSync(program, fakeProgram);
  const release = join(server.folder, VERSION);
  await publish(release, program);
  publishInstaller(release);
});
afterAll(async () => {
  await server.stop();
  await metadata.stop(true);
});
beforeEach(() => {
  server.instead = () => undefined;
  home = join(folder, `droplet-${count++}`);
  mkdirSync(join(home, "note"), { recursive: true });
  exits(0);
});

/** What the fake program ends with, call by call. */
function exits(...codes: number[]): void {
  writeFileSync(join(home, "note/exits"), codes.map((code) => `${code}\n`).join(""));
}

const note = (name: string) =>
  existsSync(join(home, "note", name)) ? readFileSync(join(home, "note", name), "utf8") : "";
const calls = () => note("calls").split("\n").filter(Boolean);
const variable = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(note("env"))?.[1];
const isOff = () => existsSync(join(home, "off"));

/** The user-data that spawn_workers.sh makes of settings. */
async function userData(settings: string, ...options: string[]): Promise<string> {
  const doctl = new FakeDoctl(join(home, "doctl"));
  const envFile = join(home, "worker.env");
  writeFileSync(envFile, settings, { mode: 0o600 });
  const args = ["--env-file", envFile, "--releases", server.address, ...options];
  const child = Bun.spawn(["sh", projectFile("scripts/spawn_workers.sh"), ...args], {
    env: { PATH: "/usr/bin:/bin", HOME: home, ...doctl.env },
    stderr: "pipe",
    stdout: "ignore",
  });
  if ((await child.exited) !== 0) throw new Error(await child.stderr.text());
  return join(
    doctl.folder,
    `user-data-${/user-data-(\d+)/.exec((await Array.fromAsync(new Bun.Glob("user-data-*").scan(doctl.folder))).join())?.[1]}`,
  );
}

function startDroplet(script: readonly string[], env: Record<string, string> = {}, shell: readonly string[] = ["sh"]) {
  const off = join(home, "fake-poweroff");
  writeFileSync(off, `#!/bin/sh\n: >"${home}/off"\n`, { mode: 0o755 });
  return Bun.spawn([...shell, ...script], {
    env: {
      PATH: "/usr/sbin:/usr/bin:/bin",
      FOLD_METADATA: `http://127.0.0.1:${metadata.port}/metadata/v1`,
      FOLD_PREFIX: home,
      FOLD_ETC: join(home, "etc"),
      FOLD_HOME: join(home, "home"),
      FOLD_RUN_AS: "",
      FOLD_PAUSE: "0",
      FOLD_POWER_OFF: off,
      FOLD_SYSTEMD: join(home, "none"),
      ...env,
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

async function boot(script: readonly string[], env: Record<string, string> = {}) {
  const child = startDroplet(script, env);
  const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { exit, stdout, stderr };
}

test("installs, takes its name from the metadata service, works, powers off", async () => {
  const ended = await boot([
    await userData(`DATABASE_URL=postgres://w:${SECRET}@db\r\nDO_SPACES_SECRET_KEY=${SECRET}\n`),
  ]);
  expect(ended.exit).toBe(0);
  expect(ended.stderr).toContain("worker.sh: this is worker fold-worker-id-1-410000001\n");
  expect(calls()).toEqual(["worker --mode continuous"]);
  expect(variable("WORKER_ID")).toBe("fold-worker-id-1-410000001");
  expect(variable("DATABASE_URL")).toBe(`postgres://w:${SECRET}@db`);
  expect(variable("DO_SPACES_SECRET_KEY")).toBe(SECRET);
  expect(isOff()).toBe(true);
  // The settings were in a file that was its owner's alone, and is gone; in no list of processes and in no log.
  expect(note("mode")).toStartWith("-rw-------");
  expect(existsSync(join(home, "etc/worker.env"))).toBe(false);
  expect(note("env")).not.toContain("FOLD_SETTINGS");
  expect(note("processes")).toContain("worker --mode continuous");
  for (const told of [note("processes"), ended.stdout, ended.stderr]) expect(told).not.toContain("postgres://w:");
});

const modes: [options: string[], call: string, input: string | undefined][] = [
  [["--mode", "one-shot"], "worker --mode one-shot", undefined],
  [["--stay"], "worker --mode continuous --stay", undefined],
  [["--mode", "one-shot", "--job-id", "a b$(id)"], "worker --mode one-shot --job-id a b$(id)", undefined],
  [["--mode", "cloud-worker", "--input", 'it\'s "$(id)" é.txt'], "--mode cloud-worker", 'it\'s "$(id)" é.txt'],
];
test.each(modes)("as %j", async (options, call, input) => {
  expect((await boot([await userData("A=b\n", ...options)])).exit).toBe(0);
  expect(calls()).toEqual([call]);
  expect(variable("INPUT_FILE")).toBe(input as string);
});

const ends: [exits: number[], starts: number, exit: number][] = [
  [[1, 6, 137, 0], 4, 0],
  [[1, 1, 1, 1, 1, 0], 5, 1],
  [[2], 1, 2],
  [[4], 1, 4],
  [[3], 1, 3],
];
test.each(ends)("a worker that ends with %j is started %d times", async (codes, starts, exit) => {
  exits(...codes);
  expect((await boot([await userData("A=b\n")])).exit).toBe(exit);
  expect([calls().length, isOff()]).toEqual([starts, true]);
});

test("workers that ran for long before they failed are not counted together", async () => {
  exits(1, 137, 1, 6, 1, 1, 1, 0);
  // However short it was.
  expect((await boot([await userData("A=b\n")], { FOLD_LONG: "0" })).exit).toBe(0);
  expect(calls()).toHaveLength(8);
});

test("a droplet that shuts down lets its worker give the job back", async () => {
  const child = startDroplet([await userData("A=b\n")], { FAKE_STAYS: "1" });
  while (!existsSync(join(home, "note/ready"))) await Bun.sleep(10);
  child.kill("SIGTERM");
  expect(await child.exited).toBe(130);
  expect(calls()).toEqual(["worker --mode continuous", "stopped"]);
  expect(isOff()).toBe(true);
});

/** Fakes of systemd-run, which becomes the program it is given, and of systemctl; what they were called with is noted. */
function fakeSystemd(): Record<string, string> {
  const bin = join(home, "bin-of-systemd");
  mkdirSync(bin);
  const [run, stop] = [join(bin, "systemd-run"), join(bin, "systemctl")];
  writeFileSync(
    run,
    `#!/bin/sh\necho "$*" >>'${home}/note/scopes'\necho $$ >'${home}/pid'\nwhile [ "$1" != true ]; do word="$1"; shift; if [ "$word" = -- ]; then break; fi; done\nexec "$@"\n`,
    { mode: 0o755 },
  );
  writeFileSync(stop, `#!/bin/sh\necho "$*" >>'${home}/note/scopes'\nkill -TERM "$(cat '${home}/pid')"\nsleep 0.5\n`, {
    mode: 0o755,
  });
  return { FOLD_SYSTEMD: bin, PATH: `${bin}:/usr/sbin:/usr/bin:/bin` };
}

// The images of some distributions have another shell for sh.
const shells = [["dash"], ["bash"], ["busybox", "sh"]].filter(([shell = ""]) => Bun.which(shell) !== null);
test.each(shells)(
  "under systemd the worker is in a scope, which is stopped while there is a network: %s",
  async (...shell) => {
    const child = startDroplet([await userData("A=b\n")], { FAKE_STAYS: "1", ...fakeSystemd() }, shell);
    while (!existsSync(join(home, "note/ready"))) await Bun.sleep(10);
    // As systemd stops the scope: the worker alone is told, and once.
    child.kill("SIGTERM");
    expect(await child.exited).toBe(130);
    expect(calls()).toEqual(["worker --mode continuous", "stopped"]);
    const [, started, stopped] = note("scopes").split("\n");
    const scope = /--unit (orthofold-\d+-1\.scope) --property After=network.target .*-- setsid /.exec(
      started ?? "",
    )?.[1];
    expect(stopped).toBe(`stop --no-block ${scope}`);
  },
);

test("where systemd makes no scopes the worker works without", async () => {
  const env = fakeSystemd();
  writeFileSync(join(env.FOLD_SYSTEMD ?? "", "systemd-run"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  expect((await boot([await userData("A=b\n")], env)).exit).toBe(0);
  expect(calls()).toEqual(["worker --mode continuous"]);
});

test("Ctrl-C in a terminal reaches the worker by way of the script alone: twice would mean at once", async () => {
  const child = startDroplet([await userData("A=b\n")], { FAKE_STAYS: "1" });
  while (!existsSync(join(home, "note/ready"))) await Bun.sleep(10);
  const groupOf = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(" ")[4];
  expect(note("group").trim()).not.toBe(groupOf ?? "");
  child.kill("SIGINT");
  expect(await child.exited).toBe(130);
  expect(calls()).toEqual(["worker --mode continuous", "stopped"]);
});

test("a stop between two starts is the end", async () => {
  exits(1, 0);
  const child = startDroplet([await userData("A=b\n")], { FOLD_PAUSE: "600" });
  const children = `/proc/${child.pid}/task/${child.pid}/children`;
  const isPausing = () =>
    readFileSync(children, "utf8")
      .split(" ")
      .some((pid) => existsSync(`/proc/${pid}/comm`) && readFileSync(`/proc/${pid}/comm`, "utf8") === "sleep\n");
  while (calls().length < 1 || !isPausing()) await Bun.sleep(10);
  child.kill("SIGTERM");
  expect(await child.exited).toBe(1);
  expect([calls().length, isOff()]).toEqual([1, true]);
});

test("a release that is not to be had at first is asked for again", async () => {
  let refused = 0;
  server.instead = (path) =>
    (path.endsWith("install.sh") && refused < 2) || (path.endsWith(".gz") && refused < 4)
      ? new Response("", { status: 404, headers: { "x-refused": String(++refused) } })
      : undefined;
  const ended = await boot([await userData("A=b\n")]);
  expect([ended.exit, refused, calls()]).toEqual([0, 4, ["worker --mode continuous"]]);
});

test("an install.sh that is empty, cut off or somebody's page is asked for again", async () => {
  const whole = readFileSync(projectFile("scripts/install.sh"), "utf8");
  const answers = ["", whole.slice(0, -20), "<html>Please log in</html>"];
  server.instead = (path) =>
    path.endsWith("install.sh") && answers.length > 0 ? new Response(answers.shift()) : undefined;
  const droplet = await userData("A=b\n");
  const ended = await boot([droplet]);
  expect(ended.stderr.match(/install.sh is not what the release says\n/g)).toHaveLength(3);
  expect([ended.exit, calls()]).toEqual([0, ["worker --mode continuous"]]);
  server.instead = (path) => (path.endsWith("install.sh") ? new Response("") : undefined);
  const again = await boot([droplet]);
  expect(again.stderr).toContain("worker.sh: the program could not be installed\n");
  expect([again.exit, calls().length, isOff()]).toEqual([1, 1, true]);
});

test("without a metadata service it goes by the machine's name", async () => {
  const nobody = { FOLD_METADATA: "http://127.0.0.1:1/metadata/v1" };
  const ended = await boot([await userData("A=b\n")], nobody);
  expect(ended.stderr).toContain("the metadata service does not answer");
  expect(variable("WORKER_ID")).toBe((await Bun.$`uname -n`.text()).trim());
});

test("the metadata service is on the droplet's own wire: no proxy is asked for it", async () => {
  const nobody = `http_proxy=http://127.0.0.1:1\nno_proxy=127.0.0.1\n`;
  const named = { FOLD_METADATA: `http://localhost:${metadata.port}/metadata/v1` };
  expect((await boot([await userData(nobody)], named)).exit).toBe(0);
  expect(variable("WORKER_ID")).toBe("fold-worker-id-1-410000001");
});

test("a given WORKER_ID stays, FOLD_KEEP=1 lets the droplet stay on", async () => {
  expect((await boot([await userData("WORKER_ID=ada\n", "--keep")])).exit).toBe(0);
  expect([variable("WORKER_ID"), isOff()]).toEqual(["ada", false]);
});

test("what cannot be installed is told, and the droplet does not stay on for nothing", async () => {
  const ended = await boot([await userData("A=b\n", "--version", "1.0.0")]);
  expect(ended.stderr).toMatch(/worker.sh: cannot get .*\/v1.0.0\/SHA256SUMS\n/);
  expect([ended.exit, calls(), isOff()]).toEqual([1, [], true]);
});

test("by hand, with a file of settings, the machine stays on", async () => {
  const envFile = join(home, "my settings");
  writeFileSync(envFile, `# settings\n\nA=${SECRET}\nFOLD_RELEASES=${server.address}\nWORKER_MODE=one-shot`);
  const ended = await boot([projectFile("scripts/worker.sh"), envFile]);
  expect(ended.stderr).toContain("this machine stays on");
  expect([ended.exit, calls(), isOff()]).toEqual([0, ["worker --mode one-shot"], false]);
  expect(variable("A")).toBe(SECRET);
});

test("by hand the files of settings stay as they were, also the one that a unit of systemd reads", async () => {
  exits(0, 0);
  mkdirSync(join(home, "etc"));
  const [own, other] = [join(home, "etc/worker.env"), join(home, "other.env")];
  const text = `A=b\nFOLD_RELEASES=${server.address}\n`;
  for (const path of [own, other]) writeFileSync(path, text, { mode: 0o600 });
  for (const path of [own, other]) {
    expect((await boot([projectFile("scripts/worker.sh"), path])).exit).toBe(0);
    expect([readFileSync(own, "utf8"), readFileSync(other, "utf8")]).toEqual([text, text]);
  }
});

const wrong: [settings: string, stderr: RegExp][] = [
  ["export A=secret\n", /a line of the settings is not NAME=VALUE/],
  ["secret\n", /a line of the settings is not NAME=VALUE/],
  ["LD_PRELOAD=secret\n", /the settings may not hold LD_PRELOAD/],
  ["work=/\n", /a name in the settings is not in capitals/],
  ["A=b\n", /not said where the releases are/],
  ["FOLD_RELEASES=https://ada:secret@example.invalid\n", /FOLD_RELEASES holds a user or a password/],
  ["FOLD_RELEASES=http://example.invalid/releases\n", /FOLD_RELEASES must begin with https:\/\//],
  [`FOLD_RELEASES=${server.address}\nWORKER_MODE=secretly\n`, /WORKER_MODE cannot be/],
  [`FOLD_RELEASES=${server.address}\nWORKER_MODE=cloud-worker\n`, /needs INPUT_FILE/],
];
test.each(wrong)("settings %p", async (settings, stderr) => {
  const envFile = join(home, "settings");
  writeFileSync(envFile, settings);
  const ended = await boot([projectFile("scripts/worker.sh"), envFile]);
  expect(ended.stderr).toMatch(stderr);
  expect([ended.exit, calls(), isOff()]).toEqual([1, [], false]);
  if (!settings.includes("secretly")) expect(ended.stderr).not.toContain("secret");
});

test("called without anything it changes nothing, above all no power", async () => {
  const ended = await boot([projectFile("scripts/worker.sh")]);
  expect(ended.stderr).toBe("worker.sh: usage: worker.sh ENVFILE\n");
  expect([ended.exit, isOff(), existsSync(join(home, "etc"))]).toEqual([1, false, false]);
});

test.if(process.getuid?.() === 0 && Bun.which("setpriv") !== null)(
  "as root it runs the worker as another user",
  async () => {
    for (const path of [folder, home, join(home, "note")]) await Bun.$`chmod 777 ${path}`;
    const ended = await boot([await userData("A=b\n")], { FOLD_RUN_AS: "nobody" });
    expect(calls()).toEqual(["worker --mode continuous"]);
    expect(variable("HOME")).toBe(join(home, "home"));
    expect(statSync(join(home, "note/calls")).uid).not.toBe(0);
    // The file of secrets is not for that user.
    expect(note("mode")).toBe("");
    expect(ended.exit).toBe(0);
  },
);
