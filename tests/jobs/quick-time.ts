// Time and chance in the hands of a test: waits take none and are written down, and the clock goes on by them.
import { spyOn } from "bun:test";

export interface QuickTime {
  /** What was waited for, in ms. */
  readonly waits: number[];
  /** Called at the end of each wait, with how many there were. */
  onWait: (waits: number) => unknown;
  /** What chance draws. */
  draw: () => number;
  /** Let the clock go on while nothing else does, as when the process is stopped. */
  pass(time_ms: number): void;
  /** Put the real ones back. */
  restore(): void;
}

/** Replace the timers, the clock and the chance of this thread; other threads keep theirs. */
export function quickTime(onEach: (time_ms: number) => void = () => {}): QuickTime {
  let passed_ms = 0;
  const { setTimeout: later } = globalThis;
  const { now } = performance;
  const waits: number[] = [];
  const wait = (act: () => void, time_ms: number) => {
    waits.push(time_ms);
    onEach(time_ms);
    const count = waits.length;
    return later(async () => {
      passed_ms += time_ms;
      await time.onWait(count);
      act();
    }, 0);
  };
  const spies = [
    spyOn(globalThis, "setTimeout").mockImplementation(wait as typeof setTimeout),
    spyOn(performance, "now").mockImplementation(() => now.call(performance) + passed_ms),
    spyOn(Math, "random").mockImplementation(() => time.draw()),
  ];
  const time: QuickTime = {
    waits,
    onWait: () => {},
    draw: () => 0.5,
    pass: (time_ms) => {
      passed_ms += time_ms;
    },
    restore: () => {
      for (const spy of spies) spy.mockRestore();
    },
  };
  return time;
}
