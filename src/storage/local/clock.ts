/** The two clocks of a machine, apart from each other so that a test can turn them. */
export interface Clock {
  /** Time since 1970 in ms, the same for all processes; somebody may set it forward or back. */
  wall_ms(): number;
  /** Time since some moment in ms; it only goes forward, and stands still while the machine sleeps. */
  monotonic_ms(): number;
}

export const systemClock: Clock = { wall_ms: () => Date.now(), monotonic_ms: () => performance.now() };
