import { FoldError } from "../errors.ts";
import type { Bucket } from "../s3/bucket.ts";
import { type Check, type DoctorRole, type Finding, good } from "./check.ts";

/** What is done with the objects of a bucket. */
export type Deed = "list" | "read" | "write" | "delete";

/** What buckets are for. */
export type Use = "input" | "results" | "temp";

const whole: readonly Deed[] = ["list", "read", "write", "delete"];

/** What each role does with each bucket; scripts/spaces-policies grants the same. */
export const neededDeeds: Readonly<Record<DoctorRole, Readonly<Record<Use, readonly Deed[]>>>> = {
  all: { input: whole, results: whole, temp: whole },
  worker: { input: ["list", "read"], results: whole, temp: whole },
  submit: { input: ["list", "read", "write"], results: [], temp: [] },
  read: { input: [], results: ["list", "read"], temp: [] },
};

/**
 * Finds out what a key may do in a bucket without leaving anything there, so that it works with a key that cannot
 * remove what it has made. What the role does not need may be allowed or not: it is told.
 *
 * @param after name of the check before which these make no sense
 */
export function keyProbes(bucket: Bucket, prefix: string, needed: readonly Deed[], after: string): readonly Check[] {
  const key = `${prefix}fold-doctor/${crypto.randomUUID()}`;
  const probes: Readonly<Record<Deed, Check["run"]>> = {
    list: async (signal) => {
      await bucket.list(prefix, { signal, page: 1 }).next();
      return good("it may");
    },
    read: async (signal) => {
      const { value } = await bucket.list(prefix, { signal, page: 1 }).next();
      const first = value?.[0];
      if (first === undefined) return good("there is nothing yet to try it with");
      await bucket.head(first.key, { signal });
      return good("it may");
    },
    write: async (signal) => {
      // An upload that is begun and thrown away: nothing is seen of it, and nothing has to be removed.
      await bucket.tryUpload(key, { signal });
      return good("it may");
    },
    delete: async (signal) => {
      // There is no such object: only the right to remove it is asked for.
      await bucket.remove([key], { signal });
      return good("it may");
    },
  };
  return whole.map((deed) => ({
    name: `${bucket.name}: ${deed}`,
    after,
    run: async (signal) => (needed.includes(deed) ? probes[deed](signal) : await tell(() => probes[deed](signal))),
  }));
}

/** What is not needed is right either way. */
async function tell(probe: () => Promise<Finding>): Promise<Finding> {
  try {
    const { what } = await probe();
    return good(`${what}; this role need not`);
  } catch (error) {
    if (!(error instanceof FoldError && (error.code === "refused" || error.code === "not_found"))) throw error;
    return good("it may not, nor need it");
  }
}
