// fold upgrade, against a web server that serves a release made here of programs that were compiled here.
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { version } from "../../src/version.ts";
import { projectFile } from "../support/project.ts";
import { compileVersion, installed, publish, ReleaseServer, target } from "../support/release.ts";
import { mountSmallDisk, unmount } from "../support/small-disk.ts";
import { temporaryFolder } from "../support/temporary.ts";

const NEWER = "99.2.0";
const OLDER = "0.0.1";
// Before the folder that it is in goes away.
afterAll(() => {
  if (hasDisk) unmount(disk);
});
const folder = realpathSync(temporaryFolder());
const disk = join(folder, "disk");
const hasDisk = mountSmallDisk(disk, 180_000);
const server = new ReleaseServer(join(folder, "releases"), NEWER);
let home = "";
let program = "";
let count = 0;

beforeAll(async () => {
  const compiled = join(folder, "compiled");
  for (const one of [NEWER, OLDER]) {
    await compileVersion(compiled, one);
    await publish(join(server.folder, one), compiled);
  }
  await publish(join(server.folder, "99.9.1"), projectFile("scripts/install.sh"));
});
afterAll(() => server.stop());
beforeEach(() => {
  server.latest = NEWER;
  server.instead = () => undefined;
  server.asked.length = 0;
  home = join(folder, `home-${count++}`);
  program = installed(home, "orthofold");
});

async function run(path: string, args: readonly string[], env: Record<string, string> = {}) {
  const child = Bun.spawn([path, ...args], {
    env: { ...process.env, FOLD_RELEASES: server.address, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { exit, stdout, stderr };
}

const upgrade = (...args: string[]) => run(program, ["upgrade", ...args]);
const versionOf = async (path: string) => (await run(path, ["--version"])).stdout.split(" ")[1];

/** After a failure: the program works as before, and nothing lies beside it. */
async function expectUnchanged(): Promise<void> {
  expect(await versionOf(program)).toBe(version.fold);
  expect(readdirSync(home)).toEqual(["orthofold"]);
}

test("the latest release takes this one's place; it can be taken back, and back again", async () => {
  const first = await upgrade("--json");
  expect(first.exit).toBe(0);
  const previous = `${program}.previous`;
  expect(JSON.parse(first.stdout)).toEqual({ from: version.fold, to: NEWER, path: program, previous });
  expect(await versionOf(program)).toBe(NEWER);
  expect(await versionOf(previous)).toBe(version.fold);
  expect(readdirSync(home).sort()).toEqual(["orthofold", "orthofold.previous"]);
  const back = await upgrade("--rollback");
  expect([back.exit, back.stderr]).toEqual([0, ""]);
  expect(back.stdout).toBe(
    `${program} is now ${version.fold}; it was ${NEWER}\n\`orthofold upgrade --rollback\` changes back\n`,
  );
  expect([await versionOf(program), await versionOf(previous)]).toEqual([version.fold, NEWER]);
  expect((await upgrade("--rollback")).exit).toBe(0);
  expect([await versionOf(program), await versionOf(previous)]).toEqual([NEWER, version.fold]);
  const asked = server.asked.length;
  const again = await upgrade();
  expect([again.exit, again.stdout]).toEqual([0, `${program} is ${NEWER} already\n`]);
  // Nothing large was downloaded to find that out.
  expect(server.asked.slice(asked).every((path) => path.endsWith("SHA256SUMS"))).toBe(true);
  expect(readdirSync(home).sort()).toEqual(["orthofold", "orthofold.previous"]);
});

test("through a symlink the program itself is replaced, and the link stays", async () => {
  const link = join(home, "link");
  symlinkSync(program, link);
  expect((await run(link, ["upgrade"])).exit).toBe(0);
  expect(realpathSync(link)).toBe(program);
  expect(await versionOf(link)).toBe(NEWER);
});

test("an older release has to be named", async () => {
  server.latest = OLDER;
  const refused = await upgrade();
  expect(refused.exit).toBe(4);
  expect(refused.stderr).toContain(`the latest release is ${OLDER}, older than this program`);
  expect(refused.stderr).toContain(`hint: \`orthofold upgrade --version ${OLDER}\` installs it`);
  await expectUnchanged();
  expect((await upgrade("--version", `v${OLDER}`)).exit).toBe(0);
  expect(await versionOf(program)).toBe(OLDER);
});

const bytesOf = (path: string) => path.endsWith(".gz");
const failures: [what: string, instead: (path: string) => Response | undefined, exit: number, stderr: RegExp][] = [
  [
    "a changed download",
    (path) => (bytesOf(path) ? new Response("other") : undefined),
    1,
    /not what the release says: its SHA-256 is/,
  ],
  [
    "no server behind the address",
    (path) => (bytesOf(path) ? new Response("", { status: 503 }) : undefined),
    1,
    /the server answers 503/,
  ],
  ["a refusal", () => new Response("", { status: 403 }), 4, /the server answers 403/],
  ["no release", () => new Response("", { status: 404 }), 5, /the server answers 404\nhint: check --version/],
  ["no build for this machine", () => new Response(`${"0".repeat(64)}  fold-vax.gz\n`), 5, /the release has no fold-/],
  [
    "a proxy that answers with a page of its own",
    () => new Response("<html>Please log in</html>"),
    1,
    /SHA256SUMS is no list of checksums\nhint: a proxy or a login page/,
  ],
  ["sums without end", () => new Response("x".repeat(100_000)), 1, /SHA256SUMS is larger than 65536 bytes/],
  [
    "a way that others can read",
    () => Response.redirect("http://mirror.invalid/SHA256SUMS", 302),
    2,
    /not taken from http:\/\/mirror.invalid\n/,
  ],
  ["a way without end", () => Response.redirect("/releases/download/v1.2.3/SHA256SUMS", 302), 1, /leads nowhere/],
];
test.each(failures)("%s: the program stays as it was", async (_, instead, exit, stderr) => {
  server.instead = instead;
  const ended = await upgrade();
  expect(ended.stderr).toMatch(stderr);
  expect([ended.exit, ended.stdout]).toEqual([exit, ""]);
  await expectUnchanged();
});

test.each(["and stays there", "and comes back"])("a redirect leads to where others can read, %s", async (end) => {
  let asked = 0;
  // Not one of the addresses that count as this machine.
  const open = Bun.serve({
    hostname: "127.0.0.2",
    port: 0,
    fetch: () => {
      asked++;
      if (end === "and comes back") return Response.redirect(`${server.address}/download/v${NEWER}/back`, 302);
      return new Response(Bun.file(join(server.folder, NEWER, "SHA256SUMS")));
    },
  });
  const elsewhere = `http://127.0.0.2:${open.port}`;
  const sums = await Bun.file(join(server.folder, NEWER, "SHA256SUMS")).bytes();
  server.instead = (path) =>
    path.endsWith("/back") ? new Response(sums) : Response.redirect(`${elsewhere}/SHA256SUMS`, 302);
  const ended = await upgrade();
  await open.stop(true);
  expect(asked).toBe(0);
  expect(ended.stderr).toContain(`releases are not taken from ${elsewhere}\n`);
  expect(ended.exit).toBe(2);
  await expectUnchanged();
});

test("a mirror that calls what ends in .gz packed for the way", async () => {
  const whole = await Bun.file(join(server.folder, NEWER, `fold-${target}.gz`)).bytes();
  server.instead = (path) =>
    bytesOf(path) ? new Response(whole, { headers: { "content-encoding": "gzip" } }) : undefined;
  const ended = await upgrade();
  expect([ended.exit, await versionOf(program)]).toEqual([0, NEWER]);
});

test("a download that is cut off is found out", async () => {
  const whole = await Bun.file(join(server.folder, NEWER, `fold-${target}.gz`)).bytes();
  server.instead = (path) => (bytesOf(path) ? new Response(whole.subarray(0, whole.length >> 1)) : undefined);
  expect((await upgrade()).stderr).toContain("not what the release says");
  await expectUnchanged();
});

test("a program that does not work is not taken, whatever its checksum", async () => {
  const ended = await upgrade("--version", "99.9.1");
  expect(ended.exit).toBe(1);
  expect(ended.stderr).toMatch(/does not work here/);
  await expectUnchanged();
});

const addresses: [releases: string, exit: number, stderr: RegExp][] = [
  ["", 2, /does not know where releases are\nhint: set FOLD_RELEASES/],
  ["nowhere", 2, /FOLD_RELEASES is no address/],
  ["http://releases.invalid/x", 2, /not taken from http:\/\/releases.invalid\nhint: .*https/],
  ["file:///etc", 2, /not taken from/],
  ["https://ada:secret@releases.invalid", 2, /holds a user or a password/],
  ["http://127.0.0.1:1/releases", 1, /cannot get http:\/\/127.0.0.1:1/],
];
test.each(addresses)("releases at %p", async (releases, exit, stderr) => {
  const ended = await run(program, ["upgrade"], { FOLD_RELEASES: releases });
  expect(ended.stderr).toMatch(stderr);
  expect(ended.stderr).not.toContain("secret");
  expect(ended.exit).toBe(exit);
});

test("usage", async () => {
  const none = await upgrade("--rollback");
  expect(none.stderr).toContain(`there is no ${program}.previous`);
  expect(none.exit).toBe(5);
  expect((await upgrade("--rollback", "--version", NEWER)).exit).toBe(2);
  expect((await upgrade("--version", "../../x")).stderr).toContain("--version cannot be");
  const sources = Bun.spawn([process.execPath, projectFile("src/main.ts"), "upgrade"], {
    stdout: "pipe",
    stderr: "pipe",
  });
  expect(await sources.stderr.text()).toContain("runs from its sources and cannot replace itself");
  expect(await sources.exited).toBe(2);
});

test("what cannot be brought back is not", async () => {
  writeFileSync(`${program}.previous`, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  expect((await upgrade("--rollback")).stderr).toContain("does not work here");
  expect(await versionOf(program)).toBe(version.fold);
});

const setpriv = process.getuid?.() === 0 ? Bun.which("setpriv") : null;
// Root may write everywhere: the program is started as somebody else.
const asUser = setpriv === null ? [] : [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups"];
test.if(process.getuid?.() !== 0 || setpriv !== null)("a folder that may not be written to", async () => {
  chmodSync(folder, 0o755);
  chmodSync(home, 0o555);
  const [first, ...rest] = [...asUser, program, "upgrade"];
  const ended = await run(first, rest);
  chmodSync(home, 0o755);
  expect(ended.stderr).toMatch(/cannot write to the program's folder .*: permission denied\nhint: /);
  expect(ended.exit).toBe(4);
  await expectUnchanged();
});

test.if(hasDisk)("a full disk: said so, and nothing is left on it", async () => {
  home = join(disk, "bin");
  program = installed(home, "orthofold");
  const ended = await upgrade();
  expect(ended.stderr).toContain("no space left on the device");
  expect(ended.exit).toBe(1);
  await expectUnchanged();
});

test("whoever could run the program can run the new one, whatever the umask", async () => {
  chmodSync(program, 0o755);
  const ended = await run("/bin/sh", ["-c", 'umask 077; exec "$0" upgrade', program]);
  expect([ended.exit, statSync(program).mode & 0o777]).toEqual([0, 0o755]);
  expect(statSync(`${program}.previous`).mode & 0o777).toBe(0o755);
});

test("two at once: the program before both is the one to go back to", async () => {
  const other = Promise.withResolvers<Response>();
  const waits = Promise.withResolvers<void>();
  const whole = await Bun.file(join(server.folder, NEWER, `fold-${target}.gz`)).bytes();
  // The first is given the download when the second is done.
  server.instead = (path) => {
    if (!bytesOf(path)) return undefined;
    server.instead = () => undefined;
    waits.resolve();
    return other.promise;
  };
  const first = upgrade();
  await waits.promise;
  expect((await upgrade()).exit).toBe(0);
  other.resolve(new Response(whole));
  const ended = await first;
  expect([ended.exit, ended.stdout]).toEqual([0, `${program} is ${NEWER} already\n`]);
  expect([await versionOf(program), await versionOf(`${program}.previous`)]).toEqual([NEWER, version.fold]);
  expect(readdirSync(home).sort()).toEqual(["orthofold", "orthofold.previous"]);
});

test("a program that somebody else has replaced meanwhile is left alone", async () => {
  const whole = await Bun.file(join(server.folder, NEWER, `fold-${target}.gz`)).bytes();
  server.instead = (path) => {
    if (!bytesOf(path)) return undefined;
    writeFileSync(join(home, "new"), "#!/bin/sh\necho mine\n", { mode: 0o755 });
    renameSync(join(home, "new"), program);
    return new Response(whole);
  };
  const ended = await upgrade();
  expect(ended.stderr).toContain(`${program} was replaced by somebody else in the meantime\nhint: nothing was changed`);
  expect(ended.exit).toBe(1);
  expect(await Bun.file(program).text()).toContain("mine");
  expect(readdirSync(home)).toEqual(["orthofold"]);
});

test.if(setpriv !== null)("what another user left behind keeps nobody from an upgrade", async () => {
  chmodSync(folder, 0o755);
  chmodSync(home, 0o777);
  const left = join(home, ".fold-upgrade-abcdef");
  mkdirSync(join(left, "inside"), { recursive: true });
  const stamp = new Date(Date.now() - 7_200_000);
  utimesSync(left, stamp, stamp);
  const [command = "", ...rest] = [...asUser, program, "upgrade"];
  const ended = await run(command, rest);
  expect([ended.exit, await versionOf(program)]).toEqual([0, NEWER]);
});

/** A program of another version. */
async function unpack(one: string, path: string): Promise<void> {
  const packed = await Bun.file(join(server.folder, one, `fold-${target}.gz`)).bytes();
  writeFileSync(path, Bun.gunzipSync(packed), { mode: 0o755 });
}

/** Change the program, killed before a step; null when there was no such step any more. */
async function killedBefore(step: number, other: string): Promise<true | null> {
  const script = projectFile("tests/support/end-upgrade.ts");
  const child = Bun.spawn([process.execPath, script, program, other, String(step)], { stderr: "inherit" });
  await child.exited;
  if (child.signalCode === "SIGKILL") return true;
  expect(child.exitCode).toBe(0);
  return null;
}

test.each(["upgrade", "rollback"])("%s, killed before any of its steps: no version is lost", async (what) => {
  const previous = `${program}.previous`;
  const seen = new Set<string>();
  for (let step = 0, wasKilled = true; wasKilled; step++) {
    renameSync(home, `${home}-${step}`);
    installed(home, "orthofold");
    await unpack(OLDER, previous);
    const other = what === "upgrade" ? join(home, "new") : "";
    if (other !== "") await unpack(NEWER, other);
    wasKilled = (await killedBefore(step, other)) !== null;
    const [now, next] = [await versionOf(program), what === "upgrade" ? NEWER : OLDER];
    seen.add(now);
    expect([version.fold, next]).toContain(now);
    // Whichever it is, the one before it can be brought back, and then it again.
    const before = now === version.fold ? OLDER : version.fold;
    expect([(await upgrade("--rollback")).exit, await versionOf(program)]).toEqual([0, before]);
    expect([(await upgrade("--rollback")).exit, await versionOf(program)]).toEqual([0, now]);
  }
  expect(seen.size).toBe(2);
});

test("what an upgrade that was killed left behind is removed later", async () => {
  const left = join(home, ".fold-upgrade-abcdef");
  mkdirSync(left);
  const stamp = new Date(Date.now() - 7_200_000);
  utimesSync(left, stamp, stamp);
  mkdirSync(join(home, ".fold-upgrade-young"));
  expect((await upgrade()).exit).toBe(0);
  expect(existsSync(left)).toBe(false);
  expect(existsSync(join(home, ".fold-upgrade-young"))).toBe(true);
});

test.each(["before", "within"])("Ctrl-C stops it %s the download, and nothing is left behind", async (when) => {
  const sums = await Bun.file(join(server.folder, NEWER, "SHA256SUMS")).bytes();
  const asked = Promise.withResolvers<void>();
  server.instead = (path) => {
    if (!bytesOf(path)) return new Response(sums);
    asked.resolve();
    if (when === "before") return new Promise(() => {});
    return new Response(new ReadableStream({ start: (stream) => stream.enqueue(new Uint8Array(10)) }));
  };
  const child = Bun.spawn([program, "upgrade"], {
    env: { ...process.env, FOLD_RELEASES: server.address },
    stderr: "pipe",
  });
  await asked.promise;
  const told = child.stderr.getReader();
  let text = "";
  const more = async () => {
    const { value, done } = await told.read();
    text += new TextDecoder().decode(value);
    return !done;
  };
  if (when === "within") while (!text.includes("downloading ")) await more();
  child.kill("SIGINT");
  while (await more());
  expect(text).toContain("orthofold: stopped; nothing was changed");
  expect(await child.exited).toBe(130);
  await expectUnchanged();
});
