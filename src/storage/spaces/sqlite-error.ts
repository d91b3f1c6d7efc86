import { FoldError, fromSystemError } from "../../errors.ts";

/** What a FoldError makes of an error that writing to a folder with a database has given; others come back as they are. */
export function fromDatabaseError(error: unknown, folder: string): unknown {
  if (!(error instanceof Error) || error instanceof FoldError || !("code" in error)) return error;
  if (!String(error.code).startsWith("SQLITE_")) return fromSystemError(error, "write to the folder", folder);
  if (error.code === "SQLITE_FULL") {
    return new FoldError("no_space", `cannot write to ${folder}: no space left`, "free some space", error);
  }
  const hint = "remove the folder: what is under way there starts anew, and nothing else is lost";
  return new FoldError("failed", `the state in ${folder} cannot be used: ${error.message}`, hint, error);
}
