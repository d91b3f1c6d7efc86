// What a release is made of: notes, the workflows' steps, the addresses in scripts and programs.
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { changesBefore, checkTag, releaseNotes } from "../../scripts/release-notes.ts";
import { projectFile } from "../support/project.ts";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder();
const read = (path: string) => Bun.file(projectFile(path)).text();

interface Step {
  readonly run?: string;
  readonly uses?: string;
  readonly with?: { readonly path?: string };
}
interface Workflow {
  readonly permissions: unknown;
  readonly jobs: Readonly<
    Record<
      string,
      {
        needs?: string | string[];
        uses?: string;
        steps?: readonly Step[];
        strategy?: { matrix: { include: { target: string }[] } };
      }
    >
  >;
}
const workflow = async (name: string) => Bun.YAML.parse(await read(`.github/workflows/${name}`)) as Workflow;

function git(...args: string[]): void {
  const identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.invalid", "-c", "tag.gpgsign=false"];
  const done = Bun.spawnSync(["git", ...identity, ...args], { cwd: folder, stderr: "pipe" });
  if (!done.success) throw new Error(done.stderr.toString());
}

test("the notes name the commits since the tag before", () => {
  git("init", "--quiet");
  const commit = (subject: string) => git("commit", "--quiet", "--allow-empty", "-m", subject, "-m", "body");
  commit("First");
  commit("Second");
  git("tag", "v0.1.0");
  commit("Third `with` $(marks)");
  git("tag", "other");
  commit("Fourth");
  git("tag", "v0.2.0");
  commit("Fifth");
  expect(changesBefore("v0.1.0", folder)).toEqual(["Second", "First"]);
  expect(changesBefore("v0.2.0", folder)).toEqual(["Fourth", "Third `with` $(marks)"]);
  expect(() => changesBefore("v9.9.9", folder)).toThrow("git knows no tag v9.9.9");
  const notes = releaseNotes("v0.2.0", ["Fourth"], "https://example.invalid/releases");
  expect(notes).toContain("- Fourth\n");
  // Of this release, also when it is not the latest one.
  const install = "curl -fsSL https://example.invalid/releases/download/v0.2.0/install.sh | sh -s -- --version 0.2.0\n";
  expect(notes).toContain(install);
});

test("a tag that is not the version is refused", () => {
  expect(() => checkTag(`v${packageJson.version}`, packageJson.version)).not.toThrow();
  expect(() => checkTag("v9.9.9", packageJson.version)).toThrow("the tag v9.9.9 is not v");
});

test("the workflows call what is there", async () => {
  for (const name of ["ci.yml", "release.yml"]) {
    const { jobs, permissions } = await workflow(name);
    expect(permissions).toEqual({ contents: "read" });
    for (const { needs = [], steps = [] } of Object.values(jobs)) {
      for (const needed of [needs].flat()) expect(Object.keys(jobs)).toContain(needed);
      for (const { run = "" } of steps) {
        for (const [, script] of run.matchAll(/npm (?:run )?(?!ci\b)([\w:]+)/g))
          expect(Object.keys(packageJson.scripts)).toContain(script);
        for (const [path] of run.matchAll(/\bscripts\/[\w./-]+/g))
          expect(await Bun.file(projectFile(path)).exists()).toBe(true);
        // What somebody else may choose, such as the name of a branch, is never put into a script by the workflow.
        expect(run).not.toContain("${{");
      }
    }
  }
});

test("every target is tried on a system of its own before it is published", async () => {
  const { jobs } = await workflow("release.yml");
  const list = /const targets = \[(.*?)\];/s.exec(await read("scripts/build-all.ts"))?.[1] ?? "";
  const targets = [...list.matchAll(/"([\w-]+)"/g)].map(([, target]) => target);
  expect(targets).toHaveLength(10);
  const tried = ["try", "try-musl"].flatMap(
    (job) => jobs[job].strategy?.matrix.include.map(({ target }) => target) ?? [],
  );
  expect(tried.sort()).toEqual(targets.sort());
  expect(jobs.publish.needs).toEqual(["test", "try", "try-musl"]);
});

test("what is built gets to where it is tried, and to where users look for it", async () => {
  const { jobs } = await workflow("release.yml");
  const stepsOf = (job: string) => jobs[job].steps ?? [];
  const handed = stepsOf("build").find(({ uses = "" }) => uses.startsWith("actions/upload-artifact"))?.with?.path ?? "";
  const published = stepsOf("publish")
    .map(({ run = "" }) => run)
    .join("\n");
  const matches = (patterns: string, name: string) =>
    patterns.split(/\s+/).some((pattern) => pattern !== "*" && new Bun.Glob(pattern).match(name));
  for (const name of ["fold-linux-x64.gz", "fold-windows-x64.zip", "SHA256SUMS", "install.sh", "worker.sh"]) {
    expect([name, matches(handed, `dist/release/${name}`), matches(published, name)]).toEqual([name, true, true]);
  }
  expect(handed.split("\n")).toContain("notes.md");
});

test("install.sh asks for nothing but what is built", async () => {
  const [install, list] = [await read("scripts/install.sh"), await read("scripts/build-all.ts")];
  for (const system of ["linux", "darwin"]) expect(install).toContain(`system=${system}`);
  for (const end of ["x64", "arm64", "x64-musl", "x64-musl-baseline", "arm64-musl", "x64-baseline"])
    expect(list).toContain(`"linux-${end}"`);
  for (const end of ["x64", "arm64", "x64-baseline"]) expect(list).toContain(`"darwin-${end}"`);
});

test("scripts that are downloaded by themselves have the line that a release puts its address into", async () => {
  for (const name of ["install.sh", "worker.sh"])
    expect(await read(`scripts/${name}`)).toContain(`releases="\${FOLD_RELEASES:-}"\n`);
});

test.each([
  [{ FOLD_RELEASES: "https://example.invalid/releases" }, "https://example.invalid/releases"],
  [{ GITHUB_SERVER_URL: "https://github.com", GITHUB_REPOSITORY: "ada/fold" }, "https://github.com/ada/fold/releases"],
  [{}, "undefined"],
  [{ FOLD_RELEASES: 'https://a"$(id)' }, "refused"],
])("the address of the releases from %j", async (env, address) => {
  const file = join(folder, "address.ts");
  writeFileSync(
    file,
    `import { releasesAddress } from ${JSON.stringify(projectFile("scripts/releases-address.ts"))};\nconsole.log(String(releasesAddress()));\n`,
  );
  const child = Bun.spawn([process.execPath, file], {
    env: { PATH: "/usr/bin:/bin", ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect(stdout.trim() || (stderr.includes("no address of releases") ? "refused" : stderr)).toBe(address);
});
