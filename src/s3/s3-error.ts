import { FoldError, type FoldErrorCode } from "../errors.ts";

/** What was being done, for messages: "read" and "fold-input/inputs/ab.txt". */
export interface Deed {
  readonly action: string;
  readonly subject: string;
}

/** An error of the object storage, with what callers decide by. */
export class S3Error extends FoldError {
  /**
   * @param status of the answer; null where there was none
   * @param isTransient whether the same call may work when it is tried again
   */
  constructor(
    code: FoldErrorCode,
    message: string,
    hint: string,
    readonly status: number | null,
    readonly isTransient: boolean,
    cause?: unknown,
  ) {
    super(code, message, hint, cause);
  }
}

interface Explanation {
  readonly code: FoldErrorCode;
  readonly what: string;
  readonly hint: string;
  readonly isTransient?: boolean;
}

const noBucket = "`fold setup` makes the buckets; DO_SPACES_BUCKET_... name them";

const elsewhere: Explanation = {
  code: "refused",
  what: "this is not the place for it",
  hint: "check DO_SPACES_ENDPOINT and DO_SPACES_REGION",
};

// By the error's name. Ceph tells no message, and a message of somebody else's might tell too much.
const byName: Readonly<Record<string, Explanation>> = {
  InvalidAccessKeyId: { code: "refused", what: "the key is not known there", hint: "check DO_SPACES_ACCESS_KEY" },
  SignatureDoesNotMatch: {
    code: "refused",
    what: "the secret does not belong to the key",
    hint: "check DO_SPACES_SECRET_KEY and DO_SPACES_REGION",
  },
  RequestTimeTooSkewed: { code: "refused", what: "the clocks differ too much", hint: "set the clock of this machine" },
  NoSuchBucket: { code: "not_found", what: "there is no such bucket", hint: noBucket },
  NoSuchUpload: {
    code: "conflict",
    what: "somebody has thrown its parts away meanwhile",
    hint: "run the same command again",
  },
  BucketAlreadyExists: {
    code: "refused",
    what: "a bucket of this name belongs to somebody else",
    hint: "choose another name, and set it in DO_SPACES_BUCKET_...",
  },
  InvalidBucketName: {
    code: "usage",
    what: "a bucket cannot have this name",
    hint: "give 3 to 63 small letters, digits and hyphens in DO_SPACES_BUCKET_...",
  },
  TooManyBuckets: {
    code: "refused",
    what: "there may be no more buckets",
    hint: "remove one, or name some that are there in DO_SPACES_BUCKET_...",
  },
  // No matter of rights, though it comes with the same status.
  QuotaExceeded: {
    code: "refused",
    what: "there is no room left: the quota is used up",
    hint: "remove what is not needed, or have the quota of the bucket or its owner raised",
  },
  AuthorizationHeaderMalformed: elsewhere,
  RequestTimeout: { code: "unreachable", what: "the other side waited too long", hint: "", isTransient: true },
  BadDigest: { code: "corrupt", what: "the bytes changed on their way", hint: "", isTransient: true },
};

const again = "try again later; `fold doctor` tells what can be reached";

// What the right to an action is called by those who write policies.
const rights: Readonly<Record<string, string>> = {
  read: "s3:GetObject",
  "look at": "s3:GetObject and s3:ListBucket",
  write: "s3:PutObject",
  remove: "s3:DeleteObject",
  list: "s3:ListBucket",
  "look at the bucket": "s3:ListBucket",
  "make the bucket": "s3:CreateBucket",
  "remove the bucket": "s3:DeleteBucket",
  "read the lifecycle rules of": "s3:GetLifecycleConfiguration",
  "set the lifecycle rules of": "s3:PutLifecycleConfiguration",
  "list the uploads of": "s3:ListBucketMultipartUploads",
  "throw away the parts of": "s3:AbortMultipartUpload",
};

/** What to do about a key that may not do something. */
export function hintOfRight(action: string): string {
  const right = rights[action] === undefined ? "the right to do it" : `the right to it (${rights[action]})`;
  return `give the key ${right}; \`fold doctor\` tells what it may do`;
}

function byStatus(status: number, action: string): Explanation {
  if (status === 401 || status === 403) {
    const hint = hintOfRight(action);
    return { code: "refused", what: "the key may not do this", hint };
  }
  if (status >= 300 && status < 400) return elsewhere;
  if (status === 404) return { code: "not_found", what: "there is none", hint: "check the name" };
  if (status === 409) return { code: "conflict", what: "somebody else changes it now", hint: again, isTransient: true };
  if (status === 412) return { code: "conflict", what: "somebody else has changed it", hint: "read it again" };
  if (status === 416) return { code: "conflict", what: "it is shorter than it was", hint: "read it again" };
  const isTransient = status >= 500 || status === 429 || status === 408;
  if (isTransient) return { code: "unreachable", what: `it answered ${status}`, hint: again, isTransient };
  return {
    code: "failed",
    what: `it answered ${status}`,
    hint: "check the name; `fold doctor` tells what is possible",
  };
}

/** An answer that tells of an error. */
export class ErrorAnswer extends Error {
  /** @param errorCode what it calls itself, as S3 names errors; undefined where it does not tell */
  constructor(
    readonly status: number,
    readonly errorCode: string | undefined,
  ) {
    super(`${errorCode ?? "an error"}, ${status}`);
  }
}

/**
 * Turns what ended a try into an error that a user can act on. What `fetch` threw is left behind, for it may hold a
 * signature; its name and code are kept.
 *
 * @returns a FoldError as it is
 */
export function toS3Error(error: unknown, { action, subject }: Deed): FoldError {
  if (error instanceof FoldError) return error;
  const isAnswer = error instanceof ErrorAnswer;
  const { name = "Error", code } = (error ?? {}) as { readonly name?: string; readonly code?: unknown };
  const cause = isAnswer ? error : new Error(typeof code === "string" ? `${name}, ${code}` : name);
  const { what, hint, isTransient, ...found } = isAnswer
    ? (byName[error.errorCode ?? ""] ?? byStatus(error.status, action))
    : noAnswer(error, typeof code === "string" ? code : undefined);
  const message = `cannot ${action} ${subject}: ${what}`;
  return new S3Error(found.code, message, hint || again, isAnswer ? error.status : null, isTransient === true, cause);
}

const tlsProblem = /CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|ERR_TLS/;

function noAnswer(error: unknown, code: string | undefined): Explanation {
  if (code !== undefined && tlsProblem.test(code)) {
    const hint =
      "check DO_SPACES_ENDPOINT; NODE_EXTRA_CA_CERTS=FILE names the certificate of an issuer that this machine does not know";
    return { code: "refused", what: `the certificate is not to be trusted (${code})`, hint };
  }
  // A mistake in a program is no weather.
  const isMistake = error instanceof ReferenceError || (error instanceof TypeError && code === undefined);
  const what = code === undefined ? "no answer, or one cut short" : `no answer (${code})`;
  return { code: isMistake ? "failed" : "unreachable", what, hint: again, isTransient: !isMistake };
}

/** The error of bytes that are not what they were: cut short, or another hash. */
export function damaged({ action, subject }: Deed, what: string): S3Error {
  const hint = "it was tried several times; the object itself may be damaged";
  return new S3Error("corrupt", `cannot ${action} ${subject}: ${what}`, hint, null, true);
}

/** The error of an other side that answered, and said that it could not do some of it for now. */
export function overloaded({ action, subject }: Deed, what: string): S3Error {
  return new S3Error("unreachable", `cannot ${action} ${subject}: ${what}`, again, 503, true);
}

/** The error of a user's stop. */
export function stopped({ action, subject }: Deed): FoldError {
  return new FoldError("interrupted", `stopped before ${subject} was ${past(action)}`, "run the same command again");
}

function past(action: string): string {
  return action === "read" ? "read" : "done with";
}
