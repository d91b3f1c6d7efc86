// Runs the compiled executable, as a user does.
import type { FoldReport } from "../../src/cli/report.ts";
import { projectFile } from "./project.ts";

/** The executable under test: scripts/test.ts builds it first. */
export const binary: string = projectFile("dist/fold");

/** What came of one call. */
export interface Ended {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CallOptions {
  readonly cwd?: string;
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
}

/** Start the executable; its output is read until it ends. */
export function start(args: readonly string[], { cwd, input, env }: CallOptions = {}) {
  const child = Bun.spawn([binary, ...args], {
    ...(cwd === undefined ? {} : { cwd }),
    stdin: input === undefined ? "ignore" : new Blob([input as string]),
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, ...env },
  });
  const ended: Promise<Ended> = (async () => {
    const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    return { exit, stdout, stderr };
  })();
  return { child, ended };
}

/** Call the executable and wait for its end. */
export function call(args: readonly string[], options: CallOptions = {}): Promise<Ended> {
  return start(args, options).ended;
}

/** Call the executable, which must work; what it says on stdout. Throws with the call's errors when it fails. */
export async function must(args: readonly string[], options: CallOptions = {}): Promise<string> {
  const { exit, stdout, stderr } = await call(args, options);
  if (exit !== 0) throw new Error(`fold ${args.join(" ")} ended with ${exit}: ${stderr}`);
  return stdout;
}

/** Call with --json; the object on stdout. Throws with the call's errors when it fails. */
export async function report(args: readonly string[], options: CallOptions = {}): Promise<FoldReport> {
  return JSON.parse(await must([...args, "--json"], options)) as FoldReport;
}

/** The objects that a call has printed, one a line. */
export function jsonLines<T = Readonly<Record<string, unknown>>>(stdout: string): T[] {
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
}
