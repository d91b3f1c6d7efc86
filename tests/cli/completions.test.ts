import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { definitions } from "../../src/cli/definitions.ts";
import { typedOptions } from "../../src/cli/flags.ts";
import { call } from "../support/binary.ts";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder();

/** The options that a script names where it speaks of a command. */
const optionsIn: Readonly<Record<string, (script: string, command: string) => string[]>> = {
  bash: (script, command) => {
    const section = between(script, `\n    ${command})\n`, "\n      esac ;;");
    return between(section, ' options="', '"').split(" ");
  },
  zsh: (script, command) => {
    const section = between(script, `\n    ${command}) _arguments `, " ;;\n");
    return [...section.matchAll(/^ *'(--[a-z-]+)\[/gm)].map(([, option]) => option);
  },
  fish: (script, command) => {
    const lines = script.split("\n").filter((line) => line.includes(`'__fish_seen_subcommand_from ${command}'`));
    // The option that all commands have stands in a line of its own.
    return [...lines.join("\n").matchAll(/ -l ([a-z-]+)/g)].map(([, option]) => `--${option}`).concat("--help");
  },
};

function between(text: string, start: string, end: string): string {
  const [, rest] = text.split(start);
  if (rest === undefined) throw new Error(`there is no ${JSON.stringify(start)}`);
  return rest.slice(0, rest.indexOf(end));
}

test.each(Object.entries(optionsIn))("%s: every command, with its options and no others", async (shell, find) => {
  const { exit, stdout, stderr } = await call(["completions", shell]);
  expect([exit, stderr]).toEqual([0, ""]);
  for (const { name, flags } of definitions) {
    const options = typedOptions(flags).map((option) => option.name);
    expect([name, find(stdout, name).sort()]).toEqual([name, [...options, "--help"].sort()]);
  }
});

const checks = { bash: ["-n"], zsh: ["-n"], fish: ["--no-execute"] } as const;

for (const [shell, check] of Object.entries(checks)) {
  const installed = Bun.which(shell);
  const needs = installed === null ? `: SKIPPED, ${shell} is not installed` : "";
  test.if(installed !== null)(`${shell} can read its script${needs}`, async () => {
    const { stdout } = await call(["completions", shell]);
    const script = join(folder, `fold.${shell}`);
    writeFileSync(script, stdout);
    const child = Bun.spawn([installed as string, ...check, script], { stdout: "pipe", stderr: "pipe" });
    expect([await child.exited, await child.stderr.text()]).toEqual([0, ""]);
  });
}

const bash = Bun.which("bash");

test.if(bash !== null)("bash completes commands, options, values and topics", async () => {
  const { stdout: script } = await call(["completions", "bash"]);
  const complete = async (...words: string[]) => {
    const line = words.map((word) => `'${word}'`).join(" ");
    const use = `COMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _fold_complete; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const child = Bun.spawn([bash as string, "-c", `${script}\n${use}`], { cwd: folder, stdout: "pipe" });
    return (await child.stdout.text()).split("\n").filter(Boolean);
  };
  writeFileSync(join(folder, "a book.txt"), "");
  expect(await complete("fold", "ex")).toEqual(["export"]);
  expect(await complete("fold", "run", "--max")).toEqual(["--max-dims"]);
  expect(await complete("fold", "export", "x", "--format", "")).toEqual(["lines", "jsonl"]);
  expect(await complete("fold", "stage", "x", "--by", "p")).toEqual(["paragraph"]);
  expect(await complete("fold", "run", "--threads", "")).toEqual([]);
  expect(await complete("fold", "run", "a ")).toEqual(["a book.txt"]);
  expect(await complete("fold", "status", "--storage-backend", "")).toEqual(["local", "cloud", "spaces"]);
  // Paths that a value may be, of files too.
  for (const words of [
    ["get", "x", "--out"],
    ["estimate", "x", "--prices"],
    ["store", "verify", "--repair-from"],
  ]) {
    expect(await complete("fold", ...words, "a ")).toEqual(["a book.txt"]);
  }
  expect(await complete("fold", "work", "--state-dir", "a ")).toEqual([]);
  expect(await complete("fold", "help", "env")).toEqual(["environment"]);
});
