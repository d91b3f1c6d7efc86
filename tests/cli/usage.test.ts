// What every command has in common: help, versions, wrong usage, errors as JSON.
import { expect, test } from "bun:test";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { definitions, helpTopics } from "../../src/cli/definitions.ts";
import { flagName } from "../../src/cli/flags.ts";
import { environment } from "../../src/config.ts";
import { exitCodes } from "../../src/errors.ts";
import { binary, call } from "../support/binary.ts";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder();

test("--version is one line", async () => {
  const { exit, stdout, stderr } = await call(["--version"]);
  expect([exit, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^fold \d+\.\d+\.\d+ \(commit \S+, bun \S+, \S+\)\n$/);
});

test("fold alone, --help, -h and help print the same list of commands", async () => {
  const answers = await Promise.all([[], ["--help"], ["-h"], ["help"]].map((args) => call(args)));
  for (const { name, summary } of definitions) expect(answers[0].stdout).toMatch(new RegExp(`${name} +${summary}`));
  for (const answer of answers) expect(answer).toEqual({ exit: 0, stdout: answers[0].stdout, stderr: "" });
});

test.each(definitions.map((definition) => [definition.name, definition] as const))(
  "help on %s",
  async (name, definition) => {
    const [byOption, byCommand] = await Promise.all([call([name, "--help"]), call(["help", name])]);
    expect(byOption).toEqual(byCommand);
    expect([byOption.exit, byOption.stderr]).toEqual([0, ""]);
    expect(byOption.stdout.replaceAll("\n", " ")).toContain(definition.about ?? "");
    for (const key of Object.keys(definition.flags)) expect(byOption.stdout).toContain(`${flagName(key)} `);
    for (const [example] of definition.examples) {
      expect(byOption.stdout).toContain(`fold ${example.replaceAll("{program}", "fold")}`);
    }
  },
);

test("help on verify tells what it does not prove", async () => {
  const { stdout } = await call(["help", "verify"], { env: { COLUMNS: "60" } });
  expect(stdout.replaceAll("\n", " ")).toContain("it does not notice orthos that somebody has left out");
  const about = stdout.slice(0, stdout.indexOf("Usage:"));
  for (const line of about.split("\n")) expect(line.length).toBeLessThanOrEqual(70);
});

test("help on the environment and on exit codes names all of them", async () => {
  const [variables, exits] = await Promise.all([call(["help", "environment"]), call(["help", "exit-codes"])]);
  for (const { name } of environment) expect(variables.stdout).toContain(name);
  for (const { exit, meaning } of exitCodes) expect(exits.stdout).toContain(`${exit}  ${meaning}`);
  for (const topic of helpTopics) expect((await call(["help", topic])).exit).toBe(0);
});

test("the program goes by the name that it is called by", async () => {
  const other = join(folder, "knit");
  symlinkSync(binary, other);
  const child = Bun.spawn([other, "rum"], { stdout: "pipe", stderr: "pipe" });
  expect(await child.stderr.text()).toBe("knit: there is no command rum\nhint: did you mean `knit run`?\n");
});

const mistakes: [args: string[], message: RegExp][] = [
  [["exprot"], /no command exprot\nhint: did you mean `fold export`/],
  [["--threads", "2"], /--threads needs a command before it/],
  [["run"], /run needs PATH/],
  [["show", "a", "b"], /does not know what to do with "b"/],
  [["show", ""], /argument is empty/],
  [["run", "a", "--thread", "2"], /no option --thread\nhint: did you mean --threads/],
  [["run", "a", "-x"], /no option -x/],
  [["run", "-dash.txt"], /no option -dash\.txt\nhint: a file of that name is \.\/-dash\.txt; `fold help run`/],
  [["run", "--dash.txt"], /no option --dash\.txt\nhint: a file of that name is \.\/--dash\.txt/],
  [["run", "a", "--threads"], /--threads needs a value/],
  [["run", "a", "--threads", "0"], /--threads cannot be "0"\nhint: give a whole number, 1 to/],
  [["run", "a", "--threads", "1.5"], /--threads cannot be/],
  [["run", "a", "--shard", "9/8"], /--shard cannot be "9\/8"\nhint: give i\/n/],
  [["run", "a", "--shard", "0/8"], /--shard cannot be/],
  [["run", "a", "--max-dims", "1"], /--max-dims cannot be "1"\nhint: give a whole number, 2 or more, or all/],
  [["run", "a", "--min-volume", "-3"], /--min-volume needs a value/],
  [["run", "a", "--name", "../b"], /--name cannot be/],
  [["run", "a", "--name", "n".repeat(300)], /--name cannot be "n+": it is too long\nhint: give one with no slashes/],
  [["run", "a", "--name", "b\nc"], /--name cannot be "b\\nc": it holds a control character/],
  [["run", "a", "--json=yes"], /--json takes no value/],
  [["export", "a", "--shape", "3y3"], /--shape cannot be "3y3"\nhint: give lengths/],
  [["export", "a", "--shape", "1x3"], /--shape cannot be/],
  [["export", "a", "--format", "xml"], /--format cannot be "xml"\nhint: give one of lines, jsonl/],
  [["export", "a", "--containing", "two words"], /--containing cannot be/],
  [["export", "a", "--containing", "half-moon"], /--containing cannot be "half-moon"\nhint: give one word/],
  [["export", "a", "--containing", "."], /--containing cannot be "\."/],
  [["verify", "a", "--sample", "2"], /--sample cannot be "2"/],
  [["verify", "a", "--sample", "0"], /--sample cannot be/],
  [["estimate", "a", "--seconds", "never"], /--seconds cannot be/],
  [["bench", "a", "--threads", "1,,2"], /--threads cannot be/],
  [["completions", "tcsh"], /no completions for tcsh\nhint: give bash, zsh or fish/],
  [["help", "exit-code"], /no help on exit-code\nhint: did you mean `fold help exit-codes`/],
];

test.each(mistakes)("wrong usage: %j", async (args, message) => {
  const { exit, stdout, stderr } = await call(args);
  expect(stderr).toMatch(message);
  expect([exit, stdout]).toEqual([2, ""]);
});

test.each(["status", "work", "show a", "store ls", "store verify", "store gc"])(
  "a state directory that is a file: %s",
  async (command) => {
    const { exit, stdout, stderr } = await call([...command.split(" "), "--state-dir", binary]);
    expect(stderr).toContain(`${binary} is a file, not a state directory\nhint: `);
    expect([exit, stdout]).toEqual([2, ""]);
  },
);

test("with --json an error is one object on stdout, and told on stderr all the same", async () => {
  const { exit, stdout, stderr } = await call(["show", "no-such-file", "--json"]);
  const { error } = JSON.parse(stdout);
  expect(exit).toBe(5);
  expect(Object.keys(error)).toEqual(["code", "message", "hint"]);
  expect(error.code).toBe("not_found");
  expect(stderr).toBe(`fold: ${error.message}\nhint: ${error.hint}\n`);
});

test("what stands behind -- is no option", async () => {
  const { exit, stdout, stderr } = await call(["show", "--", "--json"]);
  expect([exit, stdout]).toEqual([5, ""]);
  expect(stderr).toContain("cannot read the archive --json");
});
