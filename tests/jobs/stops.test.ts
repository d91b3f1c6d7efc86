// What counts as a stop of this process, with the clock and the timer in the hands of the test.
import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { Stops } from "../../src/jobs/stops.ts";

const LEAST_MS = 100;

let now_ms = 0;
let stops = 0;
let looks: Stops;
let tick: () => void;
let tick_ms: number;
const spies: { mockRestore(): void }[] = [];

beforeEach(() => {
  [now_ms, stops] = [0, 0];
  const timers = spyOn(globalThis, "setInterval");
  spies.push(
    timers,
    spyOn(performance, "now").mockImplementation(() => now_ms),
  );
  looks = new Stops(LEAST_MS, () => stops++);
  [tick, tick_ms] = timers.mock.calls[0] as [() => void, number];
});

afterEach(() => {
  looks.close();
  for (const spy of spies.splice(0)) spy.mockRestore();
});

test("a time in which nothing was asked is no stop while the timer goes", () => {
  for (let i = 0; i < 50; i++) {
    now_ms += tick_ms;
    tick();
  }
  looks.look();
  expect(stops).toBe(0);
});

test("a timer that was not heard for so long is a stop, once, whoever notices first", () => {
  now_ms += LEAST_MS;
  looks.look();
  expect(stops).toBe(0);
  now_ms += LEAST_MS + 1;
  looks.look();
  tick();
  expect(stops).toBe(1);
  now_ms += LEAST_MS + 1;
  tick();
  looks.look();
  expect(stops).toBe(2);
});
