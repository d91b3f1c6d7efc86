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
  /** The processor time that it took, which is the same on a busy machine as on a free one. */
  readonly cpu_ms: number;
}

/** Whoever takes as long as this hangs, or unpacks without an end. */
const patience_ms = 60_000;

/** Reads an archive in a process that is killed when it takes too long. */
export async function readAlone(path: string): Promise<ReadAlone> {
  const child = Bun.spawn([process.execPath, import.meta.path, path], { stderr: "inherit", timeout: patience_ms });
  const output = await child.stdout.text();
  await child.exited;
  if (child.signalCode !== null) return { result: "killed", peak_mib: Number.NaN, cpu_ms: Number.NaN };
  return JSON.parse(output) as ReadAlone;
}

/** Linux counts the parent's memory in with a child's resource usage, and the child's alone in its status. */
function peakOfThisProcess(): number {
  const status = "/proc/self/status";
  const own = existsSync(status) ? /VmHWM:\s*(\d+)/.exec(readFileSync(status, "utf8")) : null;
  return Number(own?.[1] ?? process.resourceUsage().maxRSS) / 1024;
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
  const { user, system } = process.cpuUsage();
  const cpu_ms = (user + system) / 1000;
  console.log(JSON.stringify({ result, peak_mib: peakOfThisProcess(), cpu_ms } satisfies ReadAlone));
}
