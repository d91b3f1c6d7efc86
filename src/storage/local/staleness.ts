import type { Clock } from "./clock.ts";
import { readHeartbeat, type WorkFolder } from "./work-folder.ts";

/** Clocks that part by more than this within one process have been set, or the machine has slept. */
const JUMP_MS = 5_000;

/** The clocks of two processes may differ by so much that a sign of life seems to come from the future. */
const FUTURE_MS = 1_000;

/**
 * Tells how long nothing was heard of an attempt.
 *
 * Signs of life carry the wall clock's time, so that a process that has just started can judge what another left an
 * hour ago. That clock may be set, and what is promised then is:
 *
 * - Set forward, or the machine slept: every attempt would look dead at once. A process that was running then notices
 *   that its two clocks disagree and frees nothing for one grace period, in which the living are heard of again. One
 *   that starts in that very minute cannot know, and may take a job from a living worker: that costs the work since
 *   its last chunk, and nothing else.
 * - Set back: signs of life seem to come from the future. They are timed by the monotonic clock, from when this
 *   process has seen them first. A dead attempt is freed later than usual, by one grace period of a process that
 *   keeps running, or when the wall clock has caught up.
 *
 * When all processes were stopped together, both clocks may go on, and nothing can be seen of it here: whoever looks
 * regularly notices that it did not, and does not ask at once (jobs/stops.ts).
 */
export class Staleness {
  private offset_ms: number;
  /** Nothing is freed before, by the monotonic clock. */
  private trusted_from_ms = -Infinity;
  /** Signs of life from the future, and when they were seen first, by the monotonic clock. */
  private readonly future = new Map<string, { readonly signs: string; readonly seen_ms: number }>();

  constructor(
    private readonly clock: Clock,
    readonly grace_ms: number,
  ) {
    this.offset_ms = clock.wall_ms() - clock.monotonic_ms();
  }

  /** Whether the attempt of a folder is lost. */
  isStale(folder: WorkFolder): boolean {
    this.noticeJump();
    // First, so that a sign from the future is noted even while nothing is freed.
    const silence_ms = this.silence_ms(folder);
    return silence_ms > this.grace_ms && this.clock.monotonic_ms() >= this.trusted_from_ms;
  }

  /** How long nothing was heard of the attempt of a folder, in ms. */
  silence_ms(folder: WorkFolder): number {
    const { claimed_ms, beat_ms } = signsOfLife(folder);
    const sign_ms = Math.max(claimed_ms, beat_ms);
    const wall_ms = this.clock.wall_ms();
    if (sign_ms <= wall_ms + FUTURE_MS) {
      this.future.delete(folder.path);
      return Math.max(0, wall_ms - sign_ms);
    }
    // Both, because a heartbeat after the clock was set back is older than the claim, and a sign of life all the same.
    const signs = `${claimed_ms} ${beat_ms}`;
    const now_ms = this.clock.monotonic_ms();
    const seen = this.future.get(folder.path);
    if (seen?.signs === signs) return now_ms - seen.seen_ms;
    this.future.set(folder.path, { signs, seen_ms: now_ms });
    return 0;
  }

  private noticeJump(): void {
    const offset_ms = this.clock.wall_ms() - this.clock.monotonic_ms();
    const jump_ms = offset_ms - this.offset_ms;
    this.offset_ms = offset_ms;
    if (jump_ms > JUMP_MS) this.trusted_from_ms = this.clock.monotonic_ms() + this.grace_ms;
  }
}

/** When an attempt was claimed, and when its last heartbeat was. */
function signsOfLife({ token, path }: WorkFolder): { claimed_ms: number; beat_ms: number } {
  return { claimed_ms: Number.parseInt(token, 36), beat_ms: readHeartbeat(path)?.at_ms ?? 0 };
}
