// The conformance suite of the port Storage. Every backend runs it against the real thing; none is mentioned in it.
import { describe, test } from "bun:test";
import { claimCases } from "./cases/claims.ts";
import { completionCases } from "./cases/completion.ts";
import { leaseCases } from "./cases/leases.ts";
import { manyCases } from "./cases/many.ts";
import { mergeFailureCases } from "./cases/merge-failures.ts";
import { mergeCases } from "./cases/merges.ts";
import { nameCases } from "./cases/names.ts";
import { putAsideCases } from "./cases/put-aside.ts";
import { staleCases } from "./cases/stale.ts";
import type { Case, Need, Place } from "./place.ts";

const groups: Readonly<Record<string, readonly Case[]>> = {
  claims: claimCases,
  leases: leaseCases,
  completion: completionCases,
  "stale attempts": staleCases,
  "jobs put aside": putAsideCases,
  merges: mergeCases,
  "merges that fail": mergeFailureCases,
  names: nameCases,
  "many jobs": manyCases,
};

/**
 * Run the suite.
 *
 * @param makePlace makes an empty storage whose grace period is GRACE_MS; each case gets its own
 * @param lacks what the backend does not promise: cases that need it are left out
 */
export function conformance(backend: string, makePlace: () => Promise<Place>, lacks: readonly Need[] = []): void {
  for (const [group, all] of Object.entries(groups)) {
    const cases = all.filter(({ needs }) => needs === undefined || !lacks.includes(needs));
    if (cases.length === 0) continue;
    describe(`${backend}: ${group}`, () => {
      test.each(cases.map((one) => [one.name, one] as const))("%s", async (_, one) => {
        const place = await makePlace();
        try {
          await one.run(place);
        } finally {
          await place.remove();
        }
      });
    });
  }
}

/** The names of the cases that need something, by their groups. */
export function casesThatNeed(need: Need): Readonly<Record<string, readonly string[]>> {
  const entries = Object.entries(groups).map(([group, cases]) => {
    return [group, cases.filter(({ needs }) => needs === need).map(({ name }) => name)] as const;
  });
  return Object.fromEntries(entries.filter(([, names]) => names.length > 0));
}
