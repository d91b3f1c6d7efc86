// What a worker that has come to its end leaves undone, on a state directory.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { countUnmerged } from "../../src/jobs/what-is-left.ts";
import type { WorkRequest } from "../../src/jobs/work-request.ts";
import { LocalPlace } from "../storage/local-place.ts";
import { publish, usualOptions } from "../storage/place.ts";
import { workerOn } from "./workers.ts";

let place: LocalPlace;
beforeEach(() => {
  place = new LocalPlace();
});
afterEach(() => place.remove());

function unmerged(changes: Partial<WorkRequest>): Promise<number> {
  return countUnmerged(place.open(), workerOn(place, { merges: true, ...changes }).request);
}

test("archives that a worker was to merge and did not; one alone is all there is to make", async () => {
  expect(await unmerged({})).toBe(0);
  await publish(place, "a", "one two.");
  expect(await unmerged({})).toBe(0);
  await publish(place, "b", "two three.");
  expect(await unmerged({})).toBe(2);
  expect(await unmerged({ options: { ...usualOptions, max_dims: 3 } })).toBe(0);
});

test.each([{ merges: false }, { isOneShot: true }, { jobId: "a" }, { signal: AbortSignal.abort() }])(
  "nothing is left undone by who was not told to, or was stopped: %j",
  async (changes) => {
    for (const name of ["a", "b"]) await publish(place, name, `one ${name}.`);
    expect(await unmerged(changes)).toBe(0);
  },
);
