import { FoldError, type FoldErrorCode } from "../errors.ts";
import type { WalkFailure } from "./walk-messages.ts";

const REPORT_IT = "this is a mistake in fold: please report it, with what FOLD_DEBUG=1 prints";

/** What a thread tells of the error that ended it: errors lose what they are on the way between threads. */
export function failureOf(error: unknown): WalkFailure {
  if (error instanceof FoldError) {
    const { code, message, hint } = error;
    return { kind: "failed", code, message, hint, stack: null };
  }
  if (!(error instanceof Error))
    return { kind: "failed", code: "failed", message: String(error), hint: REPORT_IT, stack: null };
  const { message, stack = null } = error;
  if (error instanceof RangeError && /out of memory|allocation failed/i.test(message)) {
    const lacks = "the memory of this machine is used up";
    return { kind: "failed", code: "failed", message: lacks, hint: "free some, or give fewer --threads", stack };
  }
  return { kind: "failed", code: "failed", message: `a thread of the walk failed: ${message}`, hint: REPORT_IT, stack };
}

/** The error that a thread has told of, with where it came from as its cause. */
export function errorOfThread({ code, message, hint, stack }: WalkFailure): FoldError {
  const cause = stack === null ? undefined : Object.assign(new Error(message), { stack });
  return new FoldError(code as FoldErrorCode, message, hint, cause);
}
