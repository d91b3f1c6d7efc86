// Workers that take texts from one folder keep out of each other's way.
import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { LocalPlace } from "./local-place.ts";
import { claim } from "./place.ts";

const names = ["a", "b", "c", "d", "e", "f", "g", "h"];
let place: LocalPlace;

beforeEach(async () => {
  place = new LocalPlace(undefined, Number.POSITIVE_INFINITY);
  for (const name of names) await place.putText(name, `${name} two three.\n`);
});
afterEach(() => place.remove());

test("alone, the order is that of the names", async () => {
  const storage = place.open();
  for (const name of names) expect((await claim(storage)).name).toBe(name);
});

test("whoever finds the next text taken goes on elsewhere, until nothing is left", async () => {
  const random = spyOn(Math, "random").mockReturnValue(0.5);
  try {
    const [one, other] = [place.open(), place.open()];
    const taken = [(await claim(one)).name, (await claim(other)).name];
    // Its list begins with b, which is gone: of the six behind it goes on in the middle.
    taken.push((await claim(one)).name);
    expect(taken).toEqual(["a", "b", "f"]);
    for (const storage of [other, one, one, other, one]) taken.push((await claim(storage)).name);
    expect(taken.toSorted()).toEqual(names);
    expect(
      await one.claimNextJob({ worker: "w", options: { max_dims: 2, min_volume: 1, shard: null }, merges: false }),
    ).toBeNull();
  } finally {
    random.mockRestore();
  }
});
