import { type BadObject, type CheckResult, checkStore } from "../store/check.ts";
import type { BadReference } from "../store/check-references.ts";
import type { Output } from "./output.ts";
import type { StoreCall } from "./store.ts";
import { formatBytes, formatCounted } from "./text.ts";

const DONE = 0;
const FAILED = 1;
const IN_PART = 3;

/**
 * `fold store verify`: exit code 0 when all is well, or is again; 1 when something is lost; 3 when some of it could be
 * repaired and some not.
 */
export async function verifyStore({ store, flags, io, pause }: StoreCall): Promise<number> {
  const { sample, repairFrom, rebuild } = flags;
  const started = performance.now();
  const result = await checkStore(store, { sample, repairFrom, rebuild, pause });
  const elapsed_ms = Math.round(performance.now() - started);
  const exit = exitOf(result);
  if (flags.json) io.output.json({ ok: exit === DONE, ...result, elapsed_ms });
  else printResult(result, rebuild, io.output, io.program);
  return exit;
}

function exitOf({ bad_objects, bad_references, unread, broken }: CheckResult): number {
  const isCopyLost = bad_objects.some(({ copy_of, repaired }) => copy_of.length > 0 && !repaired);
  const isKept = broken.length === 0 && unread.length === 0 && !isCopyLost;
  const isWell = isKept && bad_references.every(({ state }) => state === "rebuilt");
  if (isWell) return DONE;
  // A copy comes from its reference, so that is no less than there was.
  const isMended =
    bad_objects.some(({ archives, repaired }) => repaired && archives.length > 0) ||
    bad_references.some(({ state }) => state === "rebuilt");
  return isMended ? IN_PART : FAILED;
}

function printResult(result: CheckResult, rebuild: boolean, output: Output, program: string): void {
  const { objects, checked, checked_bytes, archives, bad_objects, bad_references, forgotten, broken } = result;
  output.line(
    `${checked} of ${formatCounted(objects, "object")} read, ${formatBytes(checked_bytes)}; ${formatCounted(archives, "archive")}`,
  );
  for (const bad of bad_objects) output.line(`${bad.object} ${bad.problem}: ${endOf(bad)}`);
  for (const message of result.unread) output.line(`${message}; nothing in it was checked`);
  for (const message of result.skipped) output.line(`${message}; skipped`);
  for (const { name, problem, state, reason } of bad_references) {
    const why = reason === null ? "" : `, because ${reason}`;
    output.line(`${name}: ${problem}; ${referenceEnds[state]}${why}`);
  }
  if (forgotten.length > 0) {
    const end = rebuild ? "has a reference again" : "was removed or merged, or its reference was lost: --rebuild";
    for (const name of forgotten) output.line(`${name} ${end}`);
  }
  if (broken.length > 0) {
    output.line(`${formatCounted(broken.length, "archive")} cannot be read in full: ${broken.join(", ")}`);
    output.note(`hint: \`${program} store verify --repair-from PATH\` takes what is missing from copies`);
  }
}

const referenceEnds: Readonly<Record<BadReference["state"], string>> = {
  rebuilt: "made anew",
  rebuildable: "--rebuild makes it anew",
  lost: "lost",
  newer: "left as it is",
};

function endOf({ repaired, archives, copy_of }: BadObject): string {
  const copies = copy_of.map((name) => `the copy of ${name}'s reference`);
  if (repaired) return [...copies, "repaired"].join(", ");
  const needed = archives.length === 0 ? [] : [`needed by ${archives.join(", ")}`];
  return [...copies, ...needed].join(", ") || "nobody needs it";
}
