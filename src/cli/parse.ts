import { cli } from "cleye";
import { FoldError } from "../errors.ts";
import type { CommandArguments, CommandDefinition } from "./command.ts";
import { definitions } from "./definitions.ts";
import { type Flag, flagName } from "./flags.ts";
import { nearest } from "./nearest.ts";

/** What a command line asks for. */
export type Request =
  | { readonly kind: "command"; readonly definition: CommandDefinition; readonly args: CommandArguments }
  | { readonly kind: "help"; readonly topic: string | null }
  | { readonly kind: "version" };

/**
 * Parse a command line.
 *
 * @param argv without the program
 * @param program the name that the program was called by, for hints
 * @throws FoldError `usage`
 */
export function parseCommandLine(argv: readonly string[], program: string): Request {
  const [first, ...rest] = modernised(argv);
  if (first === undefined || first === "--help" || first === "-h") return { kind: "help", topic: null };
  if (first === "--version" || first === "-V") return { kind: "version" };
  const definition = definitions.find(({ name }) => name === first);
  if (definition === undefined) throw unknownCommand(first, program);
  const ends = rest.indexOf("--");
  if (rest.slice(0, ends < 0 ? rest.length : ends).some((arg) => arg === "--help" || arg === "-h")) {
    return { kind: "help", topic: definition.name };
  }
  return { kind: "command", definition, args: parseArguments(definition, rest, program) };
}

/** How workers were started before there were commands for it: `fold --mode local ...`, `fold --mode one-shot ...`. */
function modernised(argv: readonly string[]): readonly string[] {
  const [first, ...rest] = argv;
  const [mode, others] = first === "--mode" ? [rest[0], rest.slice(1)] : [/^--mode=(.*)$/.exec(first ?? "")?.[1], rest];
  if (mode === undefined) return argv;
  if (mode === "cloud-worker") return ["worker", "--backend", "spaces", ...others];
  if (mode === "continuous" || mode === "one-shot") return ["worker", "--mode", mode, ...others];
  return ["work", "--storage-backend", mode, ...others];
}

function unknownCommand(word: string, program: string): FoldError {
  const known = definitions.map(({ name }) => name);
  const near = nearest(word, word.startsWith("-") ? [] : known);
  const hint = near === null ? `\`${program} help\` lists the commands` : `did you mean \`${program} ${near}\`?`;
  const what = word.startsWith("-") ? `the option ${word} needs a command before it` : `there is no command ${word}`;
  return new FoldError("usage", what, hint);
}

function parseArguments(definition: CommandDefinition, argv: readonly string[], program: string): CommandArguments {
  refuseValuedSwitches(definition, argv);
  const entries = Object.entries(definition.flags);
  const parsers = entries.map(([key, flag]) => [key, parserOf(key, flag)]);
  const parsed = cli({ help: false, flags: Object.fromEntries(parsers) }, undefined, [...argv]);
  const [unknown] = Object.keys(parsed.unknownFlags);
  if (unknown !== undefined) throw unknownOption(definition, unknown, argv, program);
  const parameters = [...parsed._];
  const { name, atLeast, atMost } = definition;
  const usage = `usage: ${program} ${name} ${definition.parameters}`;
  if (parameters.length < atLeast) throw new FoldError("usage", `${name} needs ${definition.parameters}`, usage);
  if (parameters.length > atMost) {
    throw new FoldError("usage", `${name} does not know what to do with ${JSON.stringify(parameters[atMost])}`, usage);
  }
  const empty = parameters.find((parameter) => parameter === "");
  if (empty !== undefined) throw new FoldError("usage", "an argument is empty", usage);
  return { parameters, flags: parsed.flags };
}

function parserOf(key: string, flag: Flag<unknown>) {
  const type = typeOf(key, flag);
  return { type: flag.isRepeatable ? [type] : type, default: flag.initial };
}

/** The type of an option, with the option's name put in front of what its value is refused for. */
function typeOf(key: string, { type }: Flag<unknown>): Flag<unknown>["type"] {
  if (type === Boolean) return type;
  const parse = type as (text: string) => unknown;
  return (text: string) => {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof FoldError)) throw error;
      throw new FoldError(error.code, `${flagName(key)} ${error.message}`, error.hint);
    }
  };
}

/** cleye takes `--json=anything` for `--json`. */
function refuseValuedSwitches(definition: CommandDefinition, argv: readonly string[]): void {
  for (const arg of argv) {
    if (arg === "--") return;
    const [name] = arg.split(/[=:.]/);
    const key = Object.keys(definition.flags).find((candidate) => flagName(candidate) === name);
    if (key === undefined || name === arg || definition.flags[key].type !== Boolean) continue;
    throw new FoldError("usage", `${name} takes no value`, `write ${name} alone`);
  }
}

function unknownOption(
  definition: CommandDefinition,
  unknown: string,
  argv: readonly string[],
  program: string,
): FoldError {
  const option = unknown.length === 1 ? `-${unknown}` : `--${unknown}`;
  const help = `\`${program} help ${definition.name}\` lists the options`;
  const file = argv.find((arg) => arg.startsWith(option) && arg !== option && looksLikeFile(arg));
  if (file !== undefined && definition.atMost > 0) {
    return new FoldError(
      "usage",
      `${definition.name} has no option ${file}`,
      `a file of that name is ./${file}; ${help}`,
    );
  }
  const near = nearest(option, [...Object.keys(definition.flags).map(flagName), "--help"]);
  const hint = near === null || unknown.length === 1 ? help : `did you mean ${near}? ${help}`;
  return new FoldError("usage", `${definition.name} has no option ${option}`, hint);
}

/** Options are words with dashes; names of files have an ending, or stand behind one dash. */
function looksLikeFile(arg: string): boolean {
  return /^-[^-]/.test(arg) || /^[^=]*\./.test(arg);
}
