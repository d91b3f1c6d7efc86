// Reads an archive in a process of its own, so that its memory can be measured and its time cut short.
//
//     bun tests/support/read-alone.ts ARCHIVE
import { existsSync, readFileSync } from "node:fs";
import { FoldError } from "../../src/errors.ts";
import { readArchive } from "./folds.ts";

/** How a reader that was left alone with an archive ended. */
export interface ReadAlone {
  /** What it found: `N orthos`, or the code of a FoldError; `killed`, or whatever else came out. */
  readonly result: string;
  /** The most memory that it held at a time. */
  readonly peak_mib: number;
}

/** Reads an archive in a process that is killed after `limit_ms`. */
export async function readAlone(path: string, limit_ms: number): Promise<ReadAlone> {
  const child = Bun.spawn([process.execPath, import.meta.path, path], { stderr: "inherit", timeout: limit_ms });
  const output = await child.stdout.text();
  await child.exited;
  if (child.signalCode !== null) return { result: "killed", peak_mib: Number.NaN };
  return JSON.parse(output) as ReadAlone;
}

/** Linux counts the parent's memory in with a child's resource usage, and the child's alone in its status. */
function peakOfThisProcess(): number {
  const status = "/proc/self/status";
  if (!existsSync(status)) return process.resourceUsage().maxRSS / 1024;
  return Number(/VmHWM:\s*(\d+)/.exec(readFileSync(status, "utf8"))?.[1]) / 1024;
}

async function resultOf(path: string): Promise<string> {
  try {
    return `${(await readArchive(path)).lines.length} orthos`;
  } catch (error) {
    return error instanceof FoldError ? error.code : String(error);
  }
}

if (import.meta.main) {
  const result = await resultOf(process.argv[2]);
  console.log(JSON.stringify({ result, peak_mib: peakOfThisProcess() } satisfies ReadAlone));
}
