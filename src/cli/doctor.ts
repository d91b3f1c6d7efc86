import { readBackend } from "../config.ts";
import { FoldError } from "../errors.ts";
import { parseBackend } from "../storage/create-storage.ts";
import { bad, type Check, type Checkup, type DoctorRole, type Finding } from "./check.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import { databaseCheckup } from "./database-checks.ts";
import { fleetCheckup } from "./fleet-checks.ts";
import type { DoctorFlags } from "./setup-definitions.ts";
import { spacesCheckup } from "./spaces-checks.ts";
import { formatCounted } from "./text.ts";

/** A finding with where it comes from; null where a check was not tried. */
interface Told {
  readonly name: string;
  readonly finding: Finding | null;
  readonly elapsed_ms: number;
}

/** All that there is to look at, in this order. Who works with Spaces alone has no database. */
function checkups(): readonly ((role: DoctorRole) => Checkup)[] {
  const backend = parseBackend(readBackend(), "STORAGE_BACKEND");
  return backend === "spaces" ? [spacesCheckup] : [databaseCheckup, spacesCheckup, fleetCheckup];
}

/** `fold doctor`: exit code 0 when all is well, 1 when something is wrong. */
export async function execute({ flags }: CommandArguments<DoctorFlags>, io: CommandIo): Promise<number> {
  const { output } = io;
  const told: Told[] = [];
  for (const open of checkups()) {
    const checkup = open(flags.role);
    try {
      for (const check of checkup.checks) {
        const one = await look(check, told, io);
        told.push(one);
        if (!flags.json) printOne(one, io);
      }
    } finally {
      await checkup.close();
    }
  }
  const wrong = told.filter(({ finding }) => finding?.isGood === false).length;
  const untried = told.filter(({ finding }) => finding === null).length;
  if (flags.json) output.json({ ok: wrong === 0, checks: told.map(describe) });
  else {
    output.line(
      wrong === 0 ? "all is well" : `${wrong} of ${formatCounted(told.length, "check")} found something wrong`,
    );
    if (untried > 0) output.line(`${formatCounted(untried, "more check")} not tried for that reason`);
  }
  return wrong === 0 ? 0 : 1;
}

async function look(check: Check, before: readonly Told[], { output, signal }: CommandIo): Promise<Told> {
  const after = [check.after ?? []].flat();
  if (before.some(({ name, finding }) => after.includes(name) && finding?.isGood !== true)) {
    return { name: check.name, finding: null, elapsed_ms: 0 };
  }
  if (signal.aborted) throw new FoldError("interrupted", "stopped before all was tried", "run the same command again");
  const started = performance.now();
  const finding = named(await find(check, signal), output);
  return { name: check.name, finding, elapsed_ms: Math.round(performance.now() - started) };
}

/** With our commands under the name that the program was called by. */
function named({ isGood, what, fix }: Finding, output: CommandIo["output"]): Finding {
  return { isGood, what: output.named(what), fix: fix === null ? null : output.named(fix) };
}

async function find(check: Check, signal: AbortSignal): Promise<Finding> {
  try {
    return await check.run(signal);
  } catch (error) {
    if (!(error instanceof FoldError) || error.code === "interrupted") throw error;
    return bad(error.message, error.hint);
  }
}

function describe({ name, finding, elapsed_ms }: Told) {
  if (finding === null) return { name, ok: null, what: "not tried", fix: null, elapsed_ms };
  return { name, ok: finding.isGood, what: finding.what, fix: finding.fix, elapsed_ms };
}

function printOne({ name, finding, elapsed_ms }: Told, { output }: CommandIo): void {
  if (finding === null) return;
  const { isGood, what, fix } = finding;
  const verdict =
    isGood && fix !== null
      ? output.style("yellow", "note")
      : isGood
        ? output.style("green", "good")
        : output.style("red", "BAD ");
  output.line(`${verdict}  ${name}: ${what} (${elapsed_ms} ms)`);
  if (fix !== null) output.line(`      ${fix}`);
}
