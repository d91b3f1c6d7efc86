import { writeSync } from "node:fs";
import type { CommandIo } from "./cli/command.ts";
import { isHangUpHeard } from "./cli/hang-up.ts";
import type { Output } from "./cli/output.ts";
import { programName, withProgramName } from "./cli/program-name.ts";
import { type Config, readConfig } from "./config.ts";
import { FoldError } from "./errors.ts";
import { versionLine } from "./version.ts";

const STDOUT = 1;
const INTERRUPTED = 130;

/** Parse and dispatch; the exit code. */
async function main(argv: readonly string[], program: string, config: Config, output: Output): Promise<number> {
  const { parseCommandLine } = await import("./cli/parse.ts");
  const request = parseCommandLine(argv, program);
  const mayStop = request.kind === "command" && request.definition.endsAtOnce !== true;
  const signal = mayStop ? stopSignal(output) : new AbortController().signal;
  const io: CommandIo = { output, signal, config, program };
  if (request.kind === "version") {
    output.line(versionLine());
    return 0;
  }
  if (request.kind === "help") {
    const { execute } = await import("./cli/help.ts");
    return await execute({ parameters: request.topic === null ? [] : [request.topic], flags: {} }, io);
  }
  const { execute } = await request.definition.load();
  return await execute(request.args as never, io);
}

/** Aborts at the first Ctrl-C, SIGTERM or SIGHUP (the terminal was closed); the second leaves at once. */
function stopSignal(output: Output): AbortSignal {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(INTERRUPTED);
    output.note("stopping safely; once more to leave at once");
    controller.abort();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  if (isHangUpHeard()) process.on("SIGHUP", stop);
  return controller.signal;
}

/** Tell what went wrong; the exit code. */
async function report(error: unknown, program: string, isJson: boolean, config: Config, output: Output) {
  // Whoever reads stdout has seen enough: `fold export A | head`. What the command made of it stands.
  if (error instanceof Error && "code" in error && error.code === "EPIPE") return Number(process.exitCode ?? 0);
  const message = withProgramName(error instanceof Error ? error.message : String(error), program);
  const told = error instanceof FoldError ? error.hint : "set FOLD_DEBUG=1 to see where this comes from";
  const hint = withProgramName(told, program);
  const code = error instanceof FoldError ? error.code : "failed";
  output.note(`${output.errorStyle("red", `${program}:`)} ${message}`);
  output.note(`hint: ${hint}`);
  if (config.isDebug && error instanceof Error) output.note(stackOf(error));
  if (isJson) {
    output.json({ error: { code, message, hint } });
    await output.flush().catch(() => {});
  }
  return error instanceof FoldError ? error.exitCode : 1;
}

function stackOf(error: Error): string {
  const stack = error.stack ?? "no stack";
  return error.cause instanceof Error ? `${stack}\ncaused by ${stackOf(error.cause)}` : stack;
}

function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  return argv.slice(0, end < 0 ? argv.length : end).includes("--json");
}

/** Write the version; false when that fails, and is to be tried again by whoever can tell why. */
function hasWrittenVersion(): boolean {
  try {
    writeSync(STDOUT, `${versionLine()}\n`);
    return true;
  } catch {
    return false;
  }
}

async function start(): Promise<void> {
  const argv = process.argv.slice(2);
  // Before anything is loaded: the version must come at once.
  if (argv.length === 1 && argv[0] === "--version" && hasWrittenVersion()) return;
  const [program, config] = [programName(process.argv0, Bun.isStandaloneExecutable), readConfig()];
  const { Output } = await import("./cli/output.ts");
  const output = new Output(config, program);
  try {
    process.exitCode = await main(argv, program, config, output);
    await output.flush();
  } catch (error) {
    process.exitCode = await report(error, program, asksForJson(argv), config, output);
  }
}

await start();
