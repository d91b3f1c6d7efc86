// The conformance suite on S3 alone, against the real gateway: all of it but what takes coordination.
import { expect, test } from "bun:test";
import { casesThatNeed, conformance } from "./conformance.ts";
import { SpacesPlaces } from "./spaces-place.ts";

const places = new SpacesPlaces();
conformance("spaces", () => places.make(), ["coordination", "own texts"]);

// What is left out, by name: so that nothing else ever is without somebody noticing.
test("workers that know nothing of each other promise less, and just this", () => {
  const { leases, ...rest } = casesThatNeed("coordination");
  expect(Object.fromEntries(Object.entries(rest).map(([group, names]) => [group, names.length]))).toEqual({
    claims: 3,
    "stale attempts": 5,
    "jobs put aside": 1,
    merges: 7,
    "merges that fail": 5,
    names: 1,
  });
  expect(leases?.every((name) => name.startsWith("a job that grew stale"))).toBe(true);
  expect(casesThatNeed("own texts")).toEqual({
    "jobs put aside": [
      "texts of one name that are put aside one after the other are all kept",
      "a retry does not bury a new text of the same name",
    ],
  });
});
