// Runs the compiled executable, as a user does.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FoldReport } from "../../src/cli/report.ts";

/** The executable under test: scripts/test.ts builds it first. */
export const binary: string = join(import.meta.dir, "../../dist/fold");

/** What came of one call. */
export interface Ended {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CallOptions {
  readonly cwd?: string;
  readonly input?: string | Uint8Array;
  readonly env?: Record<string, string>;
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

/** Call with --json; the object on stdout. Throws with the call's errors when it fails. */
export async function report(args: readonly string[], options: CallOptions = {}): Promise<FoldReport> {
  const { exit, stdout, stderr } = await call([...args, "--json"], options);
  if (exit !== 0) throw new Error(`fold ${args.join(" ")} ended with ${exit}: ${stderr}`);
  return JSON.parse(stdout) as FoldReport;
}

/** Run `body` with an empty folder of its own. */
export async function withFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "fold-test-"));
  try {
    return await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
