import type { Config } from "../config.ts";
import type { Flags } from "./flags.ts";
import type { Output } from "./output.ts";

/** What a command is given to work with besides its arguments. */
export interface CommandIo {
  readonly output: Output;
  /** Aborted by the first Ctrl-C, SIGTERM or SIGHUP: finish safely, then throw FoldError `interrupted`. */
  readonly signal: AbortSignal;
  readonly config: Config;
  /** The name that the program was called by. */
  readonly program: string;
}

/** The arguments of a command, parsed and validated. */
export interface CommandArguments<F = Readonly<Record<string, unknown>>> {
  readonly parameters: string[];
  readonly flags: F;
}

/** What the module of a command exports; `execute` gives the exit code. */
export interface CommandModule<F> {
  execute(args: CommandArguments<F>, io: CommandIo): Promise<number>;
}

/** A command as users see it: what help, completions and the parser go by. */
export interface CommandDefinition {
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** What its own help says besides, in whole sentences. */
  readonly about?: string;
  /** Names of the parameters as help prints them, for instance `PATH...` or `[TOPIC]`. */
  readonly parameters: string;
  /** How many parameters there must and may be. */
  readonly atLeast: number;
  readonly atMost: number;
  /** All that the parameters may be, for completions; files where it is missing. */
  readonly choices?: readonly string[];
  readonly flags: Flags;
  /** Arguments and what they do; `{program}` stands for the name that the program was called by. */
  readonly examples: readonly (readonly [string, string])[];
  /** A signal ends it on the spot, for it has nothing to finish or to keep. */
  readonly endsAtOnce?: boolean;
  /** Loads the module, so that a command costs nothing until it is used. */
  readonly load: () => Promise<CommandModule<never>>;
}
