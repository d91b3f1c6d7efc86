/** The exit codes of every command, in the order in which `fold help exit-codes` prints them. */
export const exitCodes = [
  { exit: 0, meaning: "done" },
  { exit: 1, meaning: "failed" },
  { exit: 2, meaning: "wrong usage" },
  { exit: 3, meaning: "done in part; the report says what is missing" },
  { exit: 4, meaning: "refused by the other side: credentials, permissions" },
  { exit: 5, meaning: "not found" },
  { exit: 6, meaning: "lost the lease" },
  { exit: 130, meaning: "stopped by the user" },
] as const;

type ExitCode = (typeof exitCodes)[number]["exit"];

const exitOf = {
  failed: 1,
  not_utf8: 1,
  empty: 1,
  too_long: 1,
  no_space: 1,
  corrupt: 1,
  unreachable: 1,
  conflict: 1,
  schema: 1,
  usage: 2,
  partial: 3,
  refused: 4,
  unreadable: 4,
  read_only: 4,
  not_found: 5,
  lease_lost: 6,
  interrupted: 130,
} as const satisfies Record<string, ExitCode>;

/** What went wrong, for programs: stable across versions, unlike a message. */
export type FoldErrorCode = keyof typeof exitOf;

/**
 * An error that a user can act on: a machine code, what happened to what, and what to do next.
 * Neither message nor hint may hold a secret; both end up in logs.
 */
export class FoldError extends Error {
  override readonly name = "FoldError";
  readonly code: FoldErrorCode;
  readonly hint: string;

  /**
   * @param code the machine code; it decides the exit code
   * @param message what happened to what, in lower case and without a full stop
   * @param hint what to do next
   * @param cause the error underneath, if there is one
   * @example
   * throw new FoldError("empty", `${path} holds no sentence`, "give a text with at least one word");
   */
  constructor(code: FoldErrorCode, message: string, hint: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.hint = hint;
  }

  get exitCode(): ExitCode {
    return exitOf[this.code];
  }
}

/** An action on a file or folder. The verb decides whether a refusal means unreadable or read-only. */
export type FileAction = `${"read" | "list" | "write" | "create" | "rename" | "remove"} ${string}`;

interface Explanation {
  readonly code: FoldErrorCode;
  readonly what: string;
  readonly hint: string;
}

const explanations: Readonly<Record<string, Explanation>> = {
  ENOENT: { code: "not_found", what: "no such file or folder", hint: "check the path" },
  ENOTDIR: { code: "not_found", what: "a part of the path is not a folder", hint: "check the path" },
  ELOOP: { code: "not_found", what: "its symbolic links lead in a circle", hint: "see where they lead" },
  ENAMETOOLONG: { code: "usage", what: "the name is too long", hint: "give a shorter one" },
  EISDIR: { code: "usage", what: "it is a folder", hint: "give the path of a file" },
  ENOSPC: {
    code: "no_space",
    what: "no space left on the device",
    hint: "free some space, then run the command again",
  },
  EDQUOT: { code: "no_space", what: "your disk quota is used up", hint: "free some space, then run the command again" },
  EROFS: { code: "read_only", what: "the file system is read-only", hint: "choose another place to write to" },
  EXDEV: {
    code: "usage",
    what: "its new place is on another file system",
    hint: "keep the whole state directory on one file system",
  },
  EMFILE: {
    code: "failed",
    what: "too many open files",
    hint: "raise the limit with `ulimit -n 4096`, then try again",
  },
};

const readRefused: Explanation = {
  code: "unreadable",
  what: "permission denied",
  hint: "make it readable for you (chmod u+r, and u+x on its folders), or run as its owner",
};
const writeRefused: Explanation = {
  code: "read_only",
  what: "permission denied",
  hint: "make the folder writable for you, or choose another place to write to",
};

/**
 * Turns an error of the operating system into one that a user can act on. A FoldError comes back as it is.
 *
 * @param error what was caught
 * @param action what was being done, starting with its verb: "read the text", "write the archive"
 * @param path the file or folder it was done to
 * @example
 * catch (error) { throw fromSystemError(error, "read the text", path); }
 * // FoldError not_found: "cannot read the text book.txt: no such file or folder"
 */
export function fromSystemError(error: unknown, action: FileAction, path: string): FoldError {
  if (error instanceof FoldError) return error;
  const { code, what, hint } = explain(error, action);
  return new FoldError(code, `cannot ${action} ${path}: ${what}`, hint, error);
}

function explain(error: unknown, action: FileAction): Explanation {
  const systemCode = error instanceof Error && "code" in error ? String(error.code) : "";
  if (systemCode === "EACCES" || systemCode === "EPERM") {
    return action.startsWith("read ") || action.startsWith("list ") ? readRefused : writeRefused;
  }
  const known = explanations[systemCode];
  if (known !== undefined) return known;
  const what = error instanceof Error ? error.message : String(error);
  return { code: "failed", what, hint: "this is not a mistake that fold knows; the message above is the system's own" };
}
