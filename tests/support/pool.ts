// What costs more to make than to empty: a test that is through with it leaves it to the next one.
import { afterAll } from "bun:test";

export interface Reusable {
  /** Make it what it was when it was new. */
  empty(): Promise<void>;
  remove(): Promise<void>;
}

/** The things of one kind that the tests of a file have made; they go away after its tests. */
export class Pool<T extends Reusable> {
  private readonly made: T[] = [];
  private readonly free: T[] = [];
  private isOver = false;

  constructor(private readonly make: () => Promise<T>) {
    afterAll(async () => {
      this.isOver = true;
      await Promise.all(this.made.map((one) => one.remove()));
    });
  }

  /** An empty one, which nobody else has until it is given back. */
  async take(): Promise<T> {
    const free = this.free.pop();
    if (free !== undefined) return free;
    const made = await this.make();
    this.made.push(made);
    return made;
  }

  /** Give one back; one that cannot be emptied is not used again. */
  async giveBack(one: T): Promise<void> {
    if (this.isOver) return;
    await one.empty();
    this.free.push(one);
  }
}
