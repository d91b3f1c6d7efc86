import type { Database } from "bun:sqlite";

/**
 * A lock that ends with its process, however that ends: the kernel takes it back. A pid in a file would not do, since
 * containers repeat pids; SQLite's lock of a file is the one that Bun brings with it.
 */
export class ProcessLock {
  private constructor(private readonly holder: Database) {}

  /** Take the lock of a path; null when somebody alive has it. */
  static async take(path: string): Promise<ProcessLock | null> {
    const { Database } = await import("bun:sqlite");
    const holder = new Database(path);
    try {
      holder.run("pragma busy_timeout = 0");
      holder.run("begin exclusive");
      return new ProcessLock(holder);
    } catch (error) {
      holder.close();
      if (error instanceof Error && "code" in error && error.code === "SQLITE_BUSY") return null;
      throw error;
    }
  }

  /** Whether somebody alive has the lock of a path. */
  static async isHeld(path: string): Promise<boolean> {
    const lock = await ProcessLock.take(path);
    lock?.holder.close();
    return lock === null;
  }

  /** Let go of it. The file stays: were it removed, whoever has just opened it would hold another lock than the next. */
  release(): void {
    this.holder.close();
  }
}
