// Lets work in a worker go on one disk operation at a time, so that another may act between any two of them.

/** Shared by both sides: operations begun, operations allowed, and whether the work has ended. */
export type Steps = Int32Array<SharedArrayBuffer>;
const [BEGUN, ALLOWED, ENDED] = [0, 1, 2];
const FOREVER = 1 << 30;

/** In the worker: called before each operation, waits until it is allowed. */
export function waitForTurn(steps: Steps): void {
  const turn = Atomics.add(steps, BEGUN, 1) + 1;
  Atomics.notify(steps, BEGUN);
  for (let allowed = Atomics.load(steps, ALLOWED); allowed < turn; allowed = Atomics.load(steps, ALLOWED)) {
    Atomics.wait(steps, ALLOWED, allowed);
  }
}

/** In the worker: the work is done, or has failed. */
export function endTurns(steps: Steps): void {
  Atomics.store(steps, ENDED, 1);
  Atomics.add(steps, BEGUN, FOREVER);
  Atomics.notify(steps, BEGUN);
}

/** Outside: let so many operations happen, and wait until the next one is about to begin. False when it has ended. */
export function allow(steps: Steps, operations: number): boolean {
  const allowed = Atomics.load(steps, ALLOWED) + operations;
  Atomics.store(steps, ALLOWED, allowed);
  Atomics.notify(steps, ALLOWED);
  for (let begun = Atomics.load(steps, BEGUN); begun <= allowed; begun = Atomics.load(steps, BEGUN)) {
    Atomics.wait(steps, BEGUN, begun);
  }
  return Atomics.load(steps, ENDED) === 0;
}
