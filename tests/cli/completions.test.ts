import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { definitions } from "../../src/cli/definitions.ts";
import { typedOptions } from "../../src/cli/flags.ts";
import { call } from "../support/binary.ts";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder();

const checks = { bash: ["-n"], zsh: ["-n"], fish: ["--no-execute"] } as const;

test.each(Object.entries(checks))(
  "%s: every command and option, in a script that the shell can read",
  async (shell, check) => {
    const { exit, stdout, stderr } = await call(["completions", shell]);
    expect([exit, stderr]).toEqual([0, ""]);
    for (const { name, flags } of definitions) {
      expect(stdout).toContain(name);
      for (const option of typedOptions(flags)) expect(stdout).toContain(option.name.slice(2));
    }
    const installed = Bun.which(shell);
    if (installed === null) return;
    const script = join(folder, `fold.${shell}`);
    writeFileSync(script, stdout);
    const child = Bun.spawn([installed, ...check, script], { stdout: "pipe", stderr: "pipe" });
    expect([await child.exited, await child.stderr.text()]).toEqual([0, ""]);
  },
);

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
  expect(await complete("fold", "help", "env")).toEqual(["environment"]);
});
