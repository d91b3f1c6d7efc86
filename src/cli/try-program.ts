import { FoldError } from "../errors.ts";

const PATIENCE_MS = 60_000;
/** Four phrases that make one ortho: a b over c d. */
const TINY_TEXT = "a b. c d. a c. b d.";
const TINY_ORTHO = ["a", "b", "c", "d"];

/**
 * Starts a program and folds a tiny text with it, before it takes the place of one that works.
 *
 * @returns its version
 * @throws FoldError `failed` where it does not start here or folds wrongly
 */
export async function tryProgram(path: string): Promise<string> {
  const answer = await answerOf(path, ["--version"], "");
  const found = /^fold (\d+\.\d+\.\d+\S*) \(commit /.exec(answer)?.[1];
  if (found === undefined) throw useless(path, `it calls itself ${JSON.stringify(answer.slice(0, 80))}`);
  const folded = await answerOf(path, ["run", "-", "--no-archive", "--json", "--quiet"], TINY_TEXT);
  const { orthos, optimal } = parse(folded);
  if (orthos !== 1 || !Bun.deepEquals(optimal?.words, TINY_ORTHO)) throw useless(path, "it folds a tiny text wrongly");
  return found;
}

function parse(text: string): { orthos?: unknown; optimal?: { words?: unknown } } {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

async function answerOf(path: string, args: readonly string[], input: string): Promise<string> {
  try {
    const child = Bun.spawn([path, ...args], {
      stdin: new Blob([input]),
      stdout: "pipe",
      stderr: "pipe",
      timeout: PATIENCE_MS,
      killSignal: "SIGKILL",
    });
    const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    if (exit === 0) return stdout.trim();
    throw useless(path, stderr.trim().split("\n")[0] || `it ends with exit code ${exit}`);
  } catch (error) {
    if (error instanceof FoldError) throw error;
    throw useless(path, error instanceof Error ? error.message : String(error), error);
  }
}

function useless(path: string, reason: string, cause?: unknown): FoldError {
  const hint = "nothing was changed; is it for this machine, and may programs run in that folder?";
  return new FoldError("failed", `${path} does not work here: ${reason}`, hint, cause);
}
