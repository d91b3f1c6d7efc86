import { FoldError } from "../errors.ts";

/** Whose key and role are looked at: what is not needed for that is told and not asked for. */
export const doctorRoles = ["all", "worker", "submit", "read"] as const;

export type DoctorRole = (typeof doctorRoles)[number];

/** What a check found. */
export interface Finding {
  readonly isGood: boolean;
  /** What is so, or what is wrong. */
  readonly what: string;
  /** What to do about it, or, where nothing is wrong, what would be better; null where there is nothing to do. */
  readonly fix: string | null;
}

/** One thing that `fold doctor` looks at. */
export interface Check {
  /** What is looked at, and what for: "fold-input: read". */
  readonly name: string;
  /** Names of checks before this one; where one of them finds something wrong, this one is not tried. */
  readonly after?: string | readonly string[];
  /** A FoldError is told as a finding with its hint, all but `interrupted`. */
  run(signal: AbortSignal): Promise<Finding>;
}

/** What belongs together of the checks: they share a connection. */
export interface Checkup {
  /** In the order in which they are to be run. */
  readonly checks: readonly Check[];
  /** Removes what checks have left that were stopped, and closes the connection. */
  close(): Promise<void>;
}

/** The finding of a check that found nothing wrong. */
export function good(what: string): Finding {
  return { isGood: true, what, fix: null };
}

/** The finding of a check that found nothing wrong, and something that could be better. */
export function warning(what: string, fix: string): Finding {
  return { isGood: true, what, fix };
}

/** The finding of a check that found something wrong. */
export function bad(what: string, fix: string): Finding {
  return { isGood: false, what, fix };
}

/** The checks of settings that are wrong: one, which says so. */
export function checkupOf(name: string, error: unknown): Checkup {
  if (!(error instanceof FoldError)) throw error;
  const { message, hint } = error;
  const settings = { name, run: () => Promise.resolve(bad(message, hint)) };
  return { checks: [settings], close: () => Promise.resolve() };
}
