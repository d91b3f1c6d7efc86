// scripts/install.sh, run by a POSIX shell against a web server that serves a release made here.
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { version } from "../../src/version.ts";
import { binary } from "../support/binary.ts";
import { projectFile } from "../support/project.ts";
import { publish, ReleaseServer, target } from "../support/release.ts";
import { mountSmallDisk, unmount } from "../support/small-disk.ts";
import { temporaryFolder } from "../support/temporary.ts";

const LATEST = "9.9.9";
/** The release that holds the program under test; the latest one holds a fake, which is small. */
const REAL = "9.9.7";
const fake = "fold 9.9.9 (commit fake, bun 0, here)";
const script = projectFile("scripts/install.sh");
// Before the folder that it is in goes away.
afterAll(() => {
  if (hasDisk) unmount(disk);
  if (hasNoexec) unmount(noexec);
});
const folder = realpathSync(temporaryFolder());
const disk = join(folder, "disk");
const hasDisk = mountSmallDisk(disk, 60_000);
const server = new ReleaseServer(join(folder, "releases"), LATEST);
const shells = ["sh", "dash", "bash", "busybox"].filter((shell) => Bun.which(shell) !== null);
let home = "";
let count = 0;

beforeAll(async () => {
  await publish(join(server.folder, REAL), binary);
  writeFileSync(join(folder, "fake-program"), `#!/bin/sh\n[ "$1" = --version ] && echo "${fake}"\n`);
  await publish(join(server.folder, LATEST), join(folder, "fake-program"));
});
afterAll(() => server.stop());
beforeEach(() => {
  server.instead = () => undefined;
  server.asked.length = 0;
  home = join(folder, `home ${count++}`);
  mkdirSync(home);
});

interface Call {
  readonly shell?: string;
  readonly path?: string;
  readonly env?: Record<string, string>;
}

/** Pipes the script into a shell, as `curl ... | sh -s -- ARGS` does. */
async function install(args: readonly string[] = [], { shell = "sh", path = "/usr/bin:/bin", env = {} }: Call = {}) {
  const command = shell === "busybox" ? ["busybox", "sh"] : [shell];
  const child = Bun.spawn([Bun.which(command[0]) as string, ...command.slice(1), "-s", "--", ...args], {
    env: { HOME: home, PATH: path, FOLD_RELEASES: server.address, ...env },
    stdin: Bun.file(script),
    stdout: "pipe",
    stderr: "pipe",
    cwd: folder,
  });
  const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { exit, stdout, stderr };
}

/** All files below the home folder. */
const left = () =>
  readdirSync(home, { recursive: true, encoding: "utf8" }).filter((path) => !lstatSync(join(home, path)).isDirectory());

/** A folder with links to the programs of this machine but some, and with programs of its own. */
function pathWithout(missing: readonly string[], fakes: Readonly<Record<string, string>> = {}): string {
  const bin = join(folder, `bin-${count++}`);
  mkdirSync(bin);
  const needed = [
    "sh",
    "uname",
    "cut",
    "awk",
    "grep",
    "mktemp",
    "mkdir",
    "chmod",
    "mv",
    "rm",
    "tail",
    "head",
    "sed",
    "cat",
    "ls",
    "env",
  ];
  for (const name of [...needed, "gzip", "curl", "wget", "sha256sum", "shasum", "ldd", "getconf"]) {
    const found = Bun.which(name, { PATH: "/usr/bin:/bin" });
    if (found !== null && !missing.includes(name) && fakes[name] === undefined) symlinkSync(found, join(bin, name));
  }
  for (const [name, text] of Object.entries(fakes))
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return bin;
}

test.each(shells)("with %s: installed as orthofold, verified, and the PATH is told about", async (shell) => {
  const place = join(home, ".local/bin/orthofold");
  const first = await install([], { shell });
  expect([first.exit, first.stderr]).toEqual([0, ""]);
  expect(first.stdout).toContain(`installed ${place}: ${fake}\n`);
  expect(first.stdout).toContain(`export PATH="${home}/.local/bin:$PATH"`);
  expect(left()).toEqual([".local/bin/orthofold"]);
  expect(lstatSync(place).mode & 0o777).toBe(0o755);
  // Again, over what is there; on the path now.
  const again = await install([], { shell, path: `${home}/.local/bin:/usr/bin:/bin` });
  expect([again.exit, again.stderr]).toEqual([0, ""]);
  expect(again.stdout).not.toContain("export PATH");
  expect(left()).toEqual([".local/bin/orthofold"]);
});

test("checksums with the line ends of Windows are checksums", async () => {
  const sums = await Bun.file(join(server.folder, LATEST, "SHA256SUMS")).text();
  server.instead = (path) => (path.endsWith("SUMS") ? new Response(sums.replaceAll("\n", "\r\n")) : undefined);
  const ended = await install();
  expect([ended.exit, ended.stderr, left()]).toEqual([0, "", [".local/bin/orthofold"]]);
});

test("an installation that comes first on the PATH is told about", async () => {
  const older = join(home, "older");
  expect((await install(["--prefix", older])).exit).toBe(0);
  const path = `${older}/bin:${home}/.local/bin/:/usr/bin:/bin`;
  const ended = await install([], { path });
  expect([ended.exit, ended.stderr]).toEqual([0, ""]);
  expect(ended.stdout).toContain(`orthofold still means ${older}/bin/orthofold, which comes first on your PATH.`);
  expect(ended.stdout).toContain(`export PATH="${home}/.local/bin:$PATH"`);
  expect((await install(["--prefix", older], { path })).stdout).not.toContain("PATH");
});

test("the line to type is good for a folder of any name", async () => {
  const prefix = join(home, 'a "b" $(id) `id` \\');
  const ended = await install(["--prefix", prefix]);
  expect([ended.exit, ended.stderr]).toEqual([0, ""]);
  const line = /^ {2}export .*$/m.exec(ended.stdout)?.[0] ?? "false";
  const typed = Bun.spawnSync(["sh", "-c", `${line}; command -v orthofold`], { env: { PATH: "/usr/bin:/bin" } });
  expect(typed.stdout.toString()).toBe(`${prefix}/bin/orthofold\n`);
});

test("with CDPATH a relative prefix is still where one is, and with any umask the program can be run by all", async () => {
  mkdirSync(join(home, "elsewhere/opt/bin"), { recursive: true });
  const command = 'umask 077; cd "$HOME"; exec sh -s -- --prefix opt';
  const child = Bun.spawn(["sh", "-c", command], {
    env: { HOME: home, PATH: "/usr/bin:/bin", CDPATH: join(home, "elsewhere"), FOLD_RELEASES: server.address },
    stdin: Bun.file(script),
    stdout: "ignore",
    stderr: "pipe",
  });
  expect([await child.stderr.text(), await child.exited]).toEqual(["", 0]);
  expect(left()).toEqual(["opt/bin/orthofold"]);
  expect(lstatSync(join(home, "opt/bin/orthofold")).mode & 0o777).toBe(0o755);
});

const certificate = join(folder, "certificate.pem");
const key = join(folder, "key.pem");
const hasCertificate =
  Bun.which("openssl") !== null &&
  Bun.spawnSync([
    ...["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"],
    ...["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
  ]).success;
const trust = join(folder, "wgetrc");
writeFileSync(trust, `ca_certificate = ${certificate}\n`);
test.if(hasCertificate).each(["curl", "wget"])("with %s alone: TLS is not left on the way", async (tool) => {
  const secure = Bun.serve({
    hostname: "localhost",
    port: 0,
    tls: { cert: Bun.file(certificate), key: Bun.file(key) },
    fetch: (request) => {
      const { pathname } = new URL(request.url);
      if (pathname.startsWith("/open/")) return Response.redirect(`${server.address}${pathname.slice(5)}`, 302);
      return new Response(Bun.file(join(server.folder, LATEST, pathname.split("/").at(-1) ?? "")));
    },
  });
  const path = pathWithout([tool === "curl" ? "wget" : "curl"]);
  const trusted = { CURL_CA_BUNDLE: certificate, WGETRC: trust };
  const from = (folder: string) =>
    install([], { path, env: { FOLD_RELEASES: `https://localhost:${secure.port}/${folder}`, ...trusted } });
  const refused = await from("open");
  expect([refused.exit, left()]).toEqual([1, []]);
  expect(refused.stderr).toMatch(/leads to a place without TLS|Protocol "http" (not supported|disabled)/);
  const ended = await from("whole");
  await secure.stop(true);
  expect([ended.exit, ended.stderr, left()]).toEqual([0, "", [".local/bin/orthofold"]]);
});

test("the program itself: installed, it goes by its new name", async () => {
  const ended = await install(["--version", REAL]);
  expect([ended.exit, ended.stderr]).toEqual([0, ""]);
  const place = join(home, ".local/bin/orthofold");
  expect(ended.stdout).toContain(`installed ${place}: fold ${version.fold} (commit `);
  const program = Bun.spawn([place, "rum"], { stderr: "pipe" });
  expect(await program.stderr.text()).toContain("did you mean `orthofold run`?");
});

test("another prefix, name and version", async () => {
  const args = [`--prefix=${home}/odd $(name) 'x'`, "--name", "knit", "--version", `v${LATEST}`];
  const ended = await install(args, { env: { HOME: "/nowhere" } });
  expect([ended.exit, ended.stderr]).toEqual([0, ""]);
  expect(left()).toEqual(["odd $(name) 'x'/bin/knit"]);
  expect(server.asked).toEqual([
    `/releases/download/v${LATEST}/SHA256SUMS`,
    `/releases/download/v${LATEST}/fold-${target}.gz`,
  ]);
});

const refusals: [args: string[], stderr: RegExp][] = [
  [["--name", "fold"], /cannot be called fold: that is a POSIX utility/],
  [["--name", "ls"], /ls is another program already: .*\/ls\n/],
  [["--name", "cd"], /cd is another program already/],
  [["--name", "../x"], /cannot be called '..\/x'/],
  [["--name", "-x"], /cannot be called '-x'/],
  [["--name", "a b"], /cannot be called 'a b'/],
  [["--name="], /--name needs a value/],
  [["--prefix"], /--prefix needs a value/],
  [["--target", "vax"], /SHA256SUMS of the release has no line for fold-vax.gz/],
  [["--version", "1.0.0"], /cannot get .*\/v1.0.0\/SHA256SUMS: .*404/],
  [["--version", "1.0/../x"], /there is no release/],
  [["--wat"], /unknown argument: --wat/],
];
test.each(refusals)("refused: %j", async (args, stderr) => {
  const ended = await install(args);
  expect(ended.stderr).toMatch(stderr);
  expect(ended.stderr).toMatch(/\nhint: /);
  expect(ended.exit).toBe(1);
  expect(left()).toEqual([]);
});

test("a file that is no fold is not overwritten", async () => {
  mkdirSync(join(home, ".local/bin"), { recursive: true });
  writeFileSync(join(home, ".local/bin/orthofold"), "#!/bin/sh\necho mine\n", { mode: 0o755 });
  expect((await install()).stderr).toContain("is there already and is no fold that runs");
  expect(await Bun.file(join(home, ".local/bin/orthofold")).text()).toContain("mine");
});

const changed: [what: string, instead: (path: string) => Response | undefined, stderr: RegExp][] = [
  [
    "a changed download",
    (path) => (path.endsWith(".gz") ? new Response("x") : undefined),
    /is not what the release says: its SHA-256 is [0-9a-f]{64}, not [0-9a-f]{64}\nhint: nothing was installed/,
  ],
  ["a sum that is none", () => new Response(`z  fold-${target}.gz\n`), /is no list of checksums/],
  [
    "a proxy that answers with a page of its own",
    () => new Response("<html>Please log in</html>\n", { headers: { "content-type": "text/html" } }),
    /SHA256SUMS is no list of checksums\nhint: a proxy or a login page/,
  ],
  ["no build for this machine", () => new Response(`${"0".repeat(64)}  fold-vax.gz\n`), /has no line for fold-/],
  ["a server that refuses", () => new Response("", { status: 403 }), /cannot get .*SHA256SUMS: .*403/],
];
test.each(changed)("%s: nothing is installed", async (_, instead, stderr) => {
  server.instead = instead;
  const ended = await install();
  expect(ended.stderr).toMatch(stderr);
  expect([ended.exit, left()]).toEqual([1, []]);
});

const releases: [address: string, stderr: RegExp][] = [
  ["", /not said where the releases are\nhint: set FOLD_RELEASES/],
  ["http://releases.invalid/x", /must begin with https:\/\//],
  ["http://localhost:x@releases.invalid/x", /holds a user or a password/],
  ["https://ada:secret@releases.invalid/x", /holds a user or a password/],
  ["file:///tmp", /must begin with https:\/\//],
  ["https://a b", /holds white space/],
  ["http://127.0.0.1:1/releases", /cannot get http:\/\/127.0.0.1:1\/releases\/latest\/download\/SHA256SUMS: /],
];
test.each(releases)("releases at %p", async (address, stderr) => {
  const ended = await install([], { env: { FOLD_RELEASES: address } });
  expect(ended.stderr).toMatch(stderr);
  expect(ended.stderr).not.toContain("secret");
  expect([ended.exit, left()]).toEqual([1, []]);
});

const tools: [missing: string[], stderr: RegExp][] = [
  [["curl", "wget"], /neither curl nor wget/],
  [["sha256sum", "shasum"], /neither sha256sum nor shasum/],
  [["gzip"], /gzip is not there/],
];
test.each(tools)("without %j", async (missing, stderr) => {
  const ended = await install([], { path: pathWithout(missing) });
  expect(ended.stderr).toMatch(stderr);
  expect([ended.exit, left()]).toEqual([1, []]);
});

const others = [
  ["curl", "wget"],
  ["sha256sum", "shasum"],
  ["getconf", "ldd"],
].filter(([, other]) => Bun.which(other) !== null);
test.each(others)("without %s there is %s", async (missing) => {
  const bin = pathWithout([missing], { perl: `exec ${Bun.which("perl")} "$@"` });
  const ended = await install([], { path: bin });
  expect([ended.exit, ended.stderr]).toEqual([0, ""]);
  expect(left()).toEqual([".local/bin/orthofold"]);
});

const busybox = Bun.which("busybox");
test.if(busybox !== null).each([false, true])(
  "a wget that takes any certificate is not good enough for https; BusyBox's own ssl_client beside it: %p",
  async (hasClient) => {
    const bin = pathWithout(["curl", "wget"]);
    for (const name of ["wget", ...(hasClient ? ["ssl_client"] : [])]) symlinkSync(busybox as string, join(bin, name));
    const ended = await install([], { path: bin, env: { FOLD_RELEASES: "https://releases.invalid" } });
    expect(ended.stderr).toBe(
      "install.sh: the wget of this machine does not look at certificates\nhint: install curl\n",
    );
    expect([ended.exit, left()]).toEqual([1, []]);
    expect((await install([], { path: bin })).exit).toBe(0);
  },
);

test.if(busybox !== null)("with an ssl_client that looks at certificates BusyBox's wget is good enough", async () => {
  const bin = pathWithout(["curl", "wget"], { ssl_client: 'echo "usage: ssl_client -s FD" >&2; exit 1' });
  symlinkSync(busybox as string, join(bin, "wget"));
  const ended = await install([], { path: bin, env: { FOLD_RELEASES: "https://127.0.0.1:1" } });
  expect(ended.stderr).toContain("cannot get https://127.0.0.1:1/latest/download/SHA256SUMS");
});

test("without curl, wget tells what is not there", async () => {
  const ended = await install(["--version", "1.0.0"], { path: pathWithout(["curl"]) });
  expect(ended.stderr).toMatch(
    /cannot get .*SHA256SUMS: HTTP\/1.1 404 Not Found\nhint: check FOLD_RELEASES and --version/,
  );
  expect(ended.exit).toBe(1);
});

/** A machine as fakes of uname, getconf and ldd tell of it. */
const machines: [system: string, machine: string, libc: string, flags: string, target: RegExp][] = [
  ["Linux", "x86_64", "glibc", "sse avx2", /fold-linux-x64.gz/],
  ["Linux", "x86_64", "glibc", "sse avx", /fold-linux-x64-baseline.gz/],
  ["Linux", "amd64", "musl", "avx2", /fold-linux-x64-musl.gz/],
  ["Linux", "x86_64", "musl", "sse", /fold-linux-x64-musl-baseline.gz/],
  ["Linux", "aarch64", "glibc", "", /fold-linux-arm64.gz/],
  ["Linux", "aarch64", "musl", "", /fold-linux-arm64-musl.gz/],
  ["Darwin", "arm64", "", "", /fold-darwin-arm64.gz/],
  ["Darwin", "x86_64", "", "AVX2", /fold-darwin-x64.gz/],
  ["Darwin", "x86_64", "", "", /fold-darwin-x64-baseline.gz/],
  ["Linux", "riscv64", "glibc", "", /no build for a processor of the kind riscv64/],
  ["FreeBSD", "amd64", "", "", /no build for FreeBSD/],
  ["MINGW64_NT-10.0", "x86_64", "", "", /does not install on Windows/],
];
test.each(machines)("on a fake %s %s %s %s", async (system, machine, libc, flags, wanted) => {
  const cpuinfo = join(home, "cpuinfo");
  writeFileSync(cpuinfo, `flags\t\t: fpu ${flags} vme\n`);
  const bin = pathWithout([], {
    uname: `case $1 in -s) echo '${system}' ;; -m) echo '${machine}' ;; esac`,
    getconf: libc === "glibc" ? "echo glibc 2.36" : "exit 1",
    ldd: libc === "musl" ? "echo 'musl libc (x86_64)' >&2; exit 1" : "echo ldd",
    sysctl: `case $2 in machdep.*) echo 'SMEP ${flags}' ;; *) exit 1 ;; esac`,
  });
  server.instead = () => new Response("");
  const { stdout, stderr } = await install([], { path: bin, env: { FOLD_CPUINFO: cpuinfo } });
  expect(stdout + stderr).toMatch(wanted);
});

test("a download for another machine is tried and not installed", async () => {
  const other = join(folder, "other");
  writeFileSync(other, "\x7fELF no program of this machine");
  await publish(join(server.folder, "9.9.8"), other);
  const ended = await install(["--version", "9.9.8"]);
  expect(ended.stderr).toMatch(/the program for \S+ does not run here/);
  expect([ended.exit, left()]).toEqual([1, []]);
});

test.if(hasDisk)("a full disk", async () => {
  const ended = await install(["--prefix", disk, "--version", REAL]);
  expect(ended.stderr).toMatch(/could not be (written|unpacked).*\nhint: free some space/s);
  expect(ended.exit).toBe(1);
  expect(readdirSync(join(disk, "bin"))).toEqual([]);
});

const noexec = join(folder, "noexec");
mkdirSync(noexec);
const mount = Bun.which("mount");
const hasNoexec =
  mount !== null && Bun.spawnSync([mount, "-t", "tmpfs", "-o", "noexec,size=1m", "fold-test", noexec]).success;
test.if(hasNoexec)("a place where programs may not run", async () => {
  const ended = await install(["--prefix", noexec]);
  expect(ended.stderr).toContain("does not let programs run\nhint: it may be mounted with noexec");
  expect([ended.exit, readdirSync(join(noexec, "bin"))]).toEqual([1, []]);
});

test("a place that cannot be written to", async () => {
  writeFileSync(join(home, "file"), "");
  const ended = await install(["--prefix", join(home, "file")]);
  expect(ended.stderr).toContain("cannot make the folder");
  expect(ended.exit).toBe(1);
});

test("ended by a signal, it leaves nothing behind", async () => {
  const asked = Promise.withResolvers<void>();
  server.instead = (path) => {
    if (!path.endsWith(".gz")) return undefined;
    asked.resolve();
    return new Response(new ReadableStream({ start: (stream) => stream.enqueue(new Uint8Array(10)) }));
  };
  // A group of its own, as a terminal's Ctrl-C goes to all of it.
  const child = Bun.spawn(["setsid", "sh", script], {
    env: { HOME: home, PATH: "/usr/bin:/bin", FOLD_RELEASES: server.address },
    stdout: "ignore",
    stderr: "ignore",
  });
  await asked.promise;
  process.kill(-child.pid, "SIGTERM");
  expect(await child.exited).not.toBe(0);
  expect(left()).toEqual([]);
});

test("where nobody listens to what it says any more, it leaves nothing behind either", async () => {
  const place = join(home, "pipe");
  // A pipe whose other end is closed already.
  const closed = 'mkfifo "$1"; : <"$1" & exec >"$1"; wait; rm "$1"; exec sh "$0"';
  const child = Bun.spawn(["sh", "-c", closed, script, place], {
    env: { HOME: home, PATH: "/usr/bin:/bin", FOLD_RELEASES: server.address },
    stderr: "ignore",
  });
  expect(await child.exited).toBe(141);
  expect(readdirSync(join(home, ".local/bin"))).toEqual([]);
});

test("what an installation that was killed has left behind is removed later", async () => {
  const bin = join(home, ".local/bin");
  const names = [".orthofold-aB3dEf", ".orthofold-young1", ".orthofold-mine", "orthofold-aB3dEf"];
  for (const name of names) mkdirSync(join(bin, name, "inside"), { recursive: true });
  const stamp = new Date(Date.now() - 49 * 3_600_000);
  for (const name of names) if (!name.includes("young")) utimesSync(join(bin, name), stamp, stamp);
  expect((await install()).exit).toBe(0);
  expect(readdirSync(bin).sort()).toEqual([...names.slice(1), "orthofold"].sort());
});

test("a script that was cut off on its way does nothing", async () => {
  const text = await Bun.file(script).text();
  const lines = text.trimEnd().split("\n");
  const child = Bun.spawn(["sh"], {
    stdin: new Blob([lines.slice(0, -1).join("\n")]),
    env: { HOME: home, PATH: "/usr/bin:/bin" },
  });
  await child.exited;
  expect(existsSync(join(home, ".local"))).toBe(false);
  chmodSync(home, 0o755);
});
