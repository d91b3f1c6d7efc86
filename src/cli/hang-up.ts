import { readFileSync } from "node:fs";

/**
 * Whether SIGHUP is to end this process. `nohup` has it ignored, and listening to it would undo that; where the system
 * does not tell, it is left to the system what becomes of it.
 */
export function isHangUpHeard(): boolean {
  const ignored = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readStatus())?.[1];
  // Its number is 1: the lowest bit.
  return ignored !== undefined && (Number.parseInt(ignored.slice(-1), 16) & 1) === 0;
}

/** What Linux tells of this process. */
function readStatus(): string {
  try {
    return readFileSync("/proc/self/status", "utf8");
  } catch {
    return "";
  }
}
