// The program may be installed under another name: whatever it tells people to type must work under that name.
import { expect, test } from "bun:test";
import { copyFileSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isNoSubstitutionTemplateLiteral, isStringLiteral, SyntaxKind } from "typescript/unstable/ast";
import { definitions, helpTopics } from "../../src/cli/definitions.ts";
import { programName, withProgramName } from "../../src/cli/program-name.ts";
import { binary, call } from "../support/binary.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { at, loadProject, nodesOf } from "../tidy/project.ts";

const folder = temporaryFolder();
const root = join(import.meta.dir, "../..");
const symlink = join(folder, "orthofold");
symlinkSync(binary, symlink);

/** The executable itself under another name: a second link to it, or a copy where that is another disk. */
const renamed = join(folder, "knit");
try {
  linkSync(binary, renamed);
} catch {
  copyFileSync(binary, renamed);
}

async function run(command: readonly string[], options: { argv0?: string; env?: Record<string, string> } = {}) {
  const { env, ...rest } = options;
  const child = Bun.spawn([...command], {
    ...rest,
    cwd: folder,
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { stdout, stderr, exit };
}

const names: [called: string, isStandalone: boolean, name: string][] = [
  ["fold", true, "fold"],
  ["/home/ada/.local/bin/orthofold", true, "orthofold"],
  ["./orthofold.exe", true, "orthofold"],
  ["-orthofold", true, "orthofold"],
  ["faltung-größer", true, "faltung-größer"],
  ["", true, "fold"],
  ["/", true, "fold"],
  ["two words", true, "fold"],
  ["a\u001b[31mb", true, "fold"],
  ["a`b", true, "fold"],
  ["/usr/bin/bun", false, "fold"],
];
test.each(names)("called by %p (standalone: %p) it is %p", (called, isStandalone, name) => {
  expect(programName(called, isStandalone)).toBe(name);
});

test("only our commands in backticks are renamed", () => {
  const text = "`fold status` and `fold`, fold status, `folder`, $& stay";
  expect(withProgramName(text, "knit")).toBe("`knit status` and `knit`, fold status, `folder`, $& stay");
  expect(withProgramName("`fold status`", "$&")).toBe("`$& status`");
  expect(withProgramName(text, "fold")).toBe(text);
});

test.each([
  ["a symlink", [symlink], "orthofold"],
  ["another file name", [renamed], "knit"],
  ["the sources", [process.execPath, join(root, "src/main.ts")], "fold"],
] as const)("called through %s", async (_, command, name) => {
  const mistake = await run([...command, "rum"]);
  expect(mistake.stderr).toBe(`${name}: there is no command rum\nhint: did you mean \`${name} run\`?\n`);
  const missing = await run([...command, "show", "none", "--json"]);
  const hint = `check the path; \`${name} status\` lists the archives of a state directory`;
  expect(missing.stderr).toEndWith(`\nhint: ${hint}\n`);
  expect(JSON.parse(missing.stdout).error.hint).toBe(hint);
});

test("no help tells to type fold, which is another program where this one has another name", async () => {
  const topics = [...definitions.map((definition) => definition.name), ...helpTopics];
  const texts = await Promise.all(
    [[], ...topics.map((topic) => [topic])].map((args) => run([symlink, "help", ...args])),
  );
  for (const { stdout, stderr, exit } of texts) {
    expect([exit, stderr]).toEqual([0, ""]);
    expect(stdout).not.toMatch(
      /\bfold (-|help|run|show|work|stage|status|store|export|merge|verify|estimate)\b(?! texts)/,
    );
    expect(stdout).not.toContain("`fold");
  }
  expect(texts[0].stdout).toContain("orthofold run book.txt");
  expect((await run([symlink, "help", "completions"])).stdout).toContain("completions/orthofold  for");
});

test("found on the path, it goes by its name there", async () => {
  const { stderr } = await run(["sh", "-c", "orthofold rum"], { env: { PATH: `${folder}:/usr/bin:/bin` } });
  expect(stderr).toContain("orthofold: there is no command rum");
});

test.each(["bash", "zsh", "fish"])("completions for %s are for the name it was called by", async (shell) => {
  const { stdout } = await run([symlink, "completions", shell]);
  expect(stdout).toContain("orthofold");
  expect(stdout).not.toMatch(/(complete -F \S+|compdef \S+|complete -c|#compdef) fold\b/);
});

test("a name that a shell would take apart has no completions", async () => {
  const odd = join(folder, "a;b");
  symlinkSync(binary, odd);
  const { exit, stdout, stderr } = await run([odd, "completions", "bash"]);
  expect([exit, stdout]).toEqual([2, ""]);
  expect(stderr).toContain("no completions for a program called a;b");
});

test("what was kept under one name is told under another", async () => {
  mkdirSync(join(folder, "state/input"), { recursive: true });
  writeFileSync(join(folder, "state/input/bad.txt"), new Uint8Array([0xff, 0xfe, 0xfd]));
  await call(["work", "--state-dir", join(folder, "state"), "--quiet"]);
  const status = await run([symlink, "status", "--state-dir", "state"]);
  expect(status.stdout).toContain("bad");
  expect(status.stdout).not.toContain("`fold ");
  const work = await run([symlink, "cancel", "bad", "--state-dir", "state"]);
  expect(work.stderr).not.toContain("`fold ");
});

test("in the sources a command of ours stands in backticks, or the name would stay as it is", async () => {
  const { files } = await loadProject(root);
  const words = definitions.map((definition) => definition.name).join("|");
  // "fold run" in words for people; "fold texts" and "fold merge-sorted lists" are none.
  const bare = new RegExp(`(?<![\`\\w])fold (${words})(?![\\w-])`);
  const found = files
    .filter(({ path }) => path.startsWith("src/"))
    .flatMap((file) =>
      [...nodesOf(file.tree)]
        .filter((node) => isStringLiteral(node) || isNoSubstitutionTemplateLiteral(node) || isTemplatePart(node.kind))
        .filter((node) => bare.test(node.getText().replaceAll("\\`", "`")))
        .map((node) => at(file, node)),
    );
  expect(found).toEqual([]);
});

function isTemplatePart(kind: SyntaxKind): boolean {
  return [SyntaxKind.TemplateHead, SyntaxKind.TemplateMiddle, SyntaxKind.TemplateTail].includes(kind);
}
