import { NAME_RULE, problemOfName } from "../archive/archive-name.ts";
import { parseShape } from "../core/shapes.ts";
import { eachSentence } from "../core/text.ts";
import { FoldError } from "../errors.ts";
import { memoryOfMachine } from "../jobs/memory.ts";

/** One option of a command. */
export interface Flag<T> {
  /** Boolean for a switch; else turns the text into the value or throws FoldError `usage`. */
  readonly type: BooleanConstructor | ((text: string) => T);
  readonly description: string;
  /** Given more than once, all of the values count; else the last. */
  readonly isRepeatable?: boolean;
  /** Name of the value as help prints it; null for a switch. */
  readonly placeholder: string | null;
  /** Where the option is not given. */
  readonly initial: T;
  /** The default as help prints it; null to print none. */
  readonly shown: string | null;
  /** All values there are, for completions. */
  readonly choices?: readonly string[];
}

/** The options of a command by name; `maxDims` is `--max-dims` on the command line. */
export type Flags = Readonly<Record<string, Flag<unknown>>>;

/** The values of a command's options. */
export type FlagValues<F extends Flags> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never };

/** An option that is there or not. */
export function toggle(description: string): Flag<boolean> {
  return { type: Boolean, description, placeholder: null, initial: false, shown: null };
}

/**
 * An option with a value.
 *
 * @param parse what the value must be; the name of the option is told to it later, by `parseArguments`
 */
export function valued<T, I>(
  description: string,
  placeholder: string,
  parse: (text: string) => T,
  initial: I,
  shown: string | null = null,
): Flag<T | I> {
  return { type: parse, description, placeholder, initial, shown };
}

/** An option that may be given more than once: a list of values. */
export function repeated<T>(description: string, placeholder: string, parse: (text: string) => T): Flag<readonly T[]> {
  return { type: parse as never, description, placeholder, initial: [], shown: null, isRepeatable: true };
}

/** An option whose value is one of a few words. */
export function oneOf<T extends string, I extends T | null>(
  description: string,
  choices: readonly T[],
  initial: I,
): Flag<T | I> {
  const parse = (text: string): T => {
    const found = choices.find((choice) => choice === text);
    return found ?? refuse(text, `one of ${choices.join(", ")}`);
  };
  return { type: parse, description, placeholder: choices.join("|"), initial, shown: initial, choices };
}

/** The name of an option on the command line. */
export function flagName(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** An option as it is typed, for completions. */
export interface TypedOption {
  readonly name: string;
  readonly description: string;
  readonly takesValue: boolean;
  /** What its value is the path of; null where it is no path. */
  readonly path: "file" | "folder" | null;
  readonly choices: readonly string[];
}

/** The options of a command as they are typed. */
export function typedOptions(flags: Flags): TypedOption[] {
  return Object.entries(flags).map(([key, { description, placeholder, choices }]) => ({
    name: flagName(key),
    description,
    takesValue: placeholder !== null,
    path: placeholder === "DIR" ? "folder" : placeholder === "FILE" || placeholder === "PATH" ? "file" : null,
    choices: choices ?? [],
  }));
}

/** Makes the error of a value that an option does not take; the name of the option is put in front later. */
function refuse(text: string, allowed: string): never {
  const what = text === "" ? "needs a value" : `cannot be ${JSON.stringify(text)}`;
  throw new FoldError("usage", what, `give ${allowed}`);
}

/** A whole number between two limits. */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    const upTo = most === Number.MAX_SAFE_INTEGER ? "or more" : `to ${most}`;
    return refuse(text, `a whole number, ${least} ${upTo}`);
  };
}

/** Most dimensions: a number, or null for `all`. */
export function dimensions(text: string): number | null {
  if (text === "all") return null;
  if (/^\d+$/.test(text) && Number(text) >= 2 && Number.isSafeInteger(Number(text))) return Number(text);
  return refuse(text, "a whole number, 2 or more, or all");
}

/** A list of thread counts, for instance `1,2`. */
export function threadList(text: string): readonly number[] {
  const counts = text.split(",").map((part) => (/^\d+$/.test(part) ? Number(part) : 0));
  if (counts.every((count) => count >= 1 && count <= MAX_THREADS)) return counts;
  return refuse(text, `whole numbers, 1 to ${MAX_THREADS}, separated by commas, for instance 1,2`);
}

/** A shard, for instance `2/8`. */
export function shard(text: string): { readonly number: number; readonly of: number } {
  const match = /^(\d+)\/(\d+)$/.exec(text);
  const [number, of] = [Number(match?.[1]), Number(match?.[2])];
  if (number >= 1 && number <= of && of <= MAX_SHARDS) return { number, of };
  return refuse(text, `i/n with i from 1 to n and n at most ${MAX_SHARDS}, for instance 2/8`);
}

/** A shape with its dims in any order; its canonical name, for instance `2x3`. */
export function shape(text: string): string {
  return parseShape(text)?.join("x") ?? refuse(text, "lengths of 2 or more joined by x, for instance 3x3 or 2x2x4");
}

/** A share of a whole: `0.25` or `1/4`. */
export function share(text: string): number {
  const fraction = /^(\d+)\/(\d+)$/.exec(text);
  const isDecimal = /^(\d+\.?\d*|\.\d+)(e-\d+)?$/i.test(text);
  const value = fraction === null ? (isDecimal ? Number(text) : Number.NaN) : Number(fraction[1]) / Number(fraction[2]);
  return value > 0 && value <= 1 ? value : refuse(text, "a share above 0 and up to 1, for instance 0.05 or 1/30");
}

/** A time in seconds. */
export function seconds(text: string): number {
  const value = /^(\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : Number.NaN;
  return value > 0 && value <= MAX_SECONDS ? value : refuse(text, `seconds above 0 and up to ${MAX_SECONDS}`);
}

/** A time in hours. */
export function hours(text: string): number {
  const value = /^(\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : Number.NaN;
  return value > 0 && value <= MAX_HOURS ? value : refuse(text, `hours above 0 and up to ${MAX_HOURS}`);
}

/** An amount of memory: bytes, with a unit or as a share of the machine's, in bytes. */
export function memory(text: string): number {
  const match = /^(\d+\.?\d*|\.\d+) ?(%|[kMGT]?i?B?)$/i.exec(text);
  const [amount, unit] = [Number(match?.[1]), match?.[2].toLowerCase() ?? ""];
  const factor = unit.includes("i") ? 1024 : 1000;
  const value = unit === "%" ? (amount / 100) * memoryOfMachine() : amount * factor ** "bkmgt".indexOf(unit[0] ?? "b");
  return value >= 1 ? Math.floor(value) : refuse(text, "bytes, an amount such as 800MB or 2GB, or a share such as 50%");
}

/** Where to cut a text: one of three words, else a pattern for lines. */
export function cutBy(text: string): (typeof cutWords)[number] | RegExp {
  const word = cutWords.find((candidate) => candidate === text);
  if (word !== undefined) return word;
  const allowed = `${cutWords.join(", ")} or a regular expression for lines, for instance '^Scene \\d+'`;
  try {
    if (text !== "") return new RegExp(text, "u");
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^.*?: /, "") : String(error);
    throw new FoldError("usage", `cannot be ${JSON.stringify(text)}: ${reason}`, `give ${allowed}`);
  }
  return refuse(text, allowed);
}

/** A length of time in ms: `24h`, `90m`, `7d`, `30s`, `0`. */
export function duration_ms(value: string): number {
  const match = /^(\d+)(s|m|h|d)$/.exec(value === "0" ? "0s" : value);
  const unit_ms = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[match?.[2] ?? ""];
  const time_ms = Number(match?.[1]) * (unit_ms ?? Number.NaN);
  return Number.isSafeInteger(time_ms) ? time_ms : refuse(value, "a length of time, for instance 24h, 30m or 7d");
}

/** Any text but an empty one. */
export function text(what: string): (value: string) => string {
  return (value) => (value.trim() === "" ? refuse(value, what) : value);
}

/** The number of a release, with or without its `v`. */
export function versionNumber(value: string): string {
  const match = /^v?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)$/.exec(value);
  return match === null ? refuse(value, "the number of a release, for instance 1.2.0") : match[1];
}

/** One word, spelt as an archive spells its words. */
export function singleWord(value: string): string {
  const words: string[] = [];
  eachSentence(value, (sentence) => words.push(...sentence));
  return words.length === 1 ? words[0] : refuse(value, "one word of letters; give the option again for another");
}

/** The name of an archive: it becomes the name of a file. */
export function archiveName(value: string): string {
  const problem = value.includes("/") ? "it holds a slash" : problemOfName(value, "");
  if (value === "" || problem === null) return text("a name")(value);
  throw new FoldError(
    "usage",
    `cannot be ${JSON.stringify(value)}: ${problem}`,
    `give one with no slashes, ${NAME_RULE}`,
  );
}

/** What `cutBy` takes besides patterns. */
export const cutWords = ["chapter", "paragraph", "sentence"] as const;
export const MAX_THREADS = 1024;
const MAX_SHARDS = 1_000_000;
const MAX_SECONDS = 86_400;
/** A month. */
const MAX_HOURS = 744;
