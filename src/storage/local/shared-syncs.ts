/**
 * Syncs of folders that several wait for at once: whoever asks while one is under way, which may have missed what was just
 * moved there, shares the next one with all others who ask meanwhile.
 */
export class SharedSyncs {
  private readonly underWay = new Map<string, Promise<void>>();
  private readonly next = new Map<string, Promise<void>>();

  /** @param sync sees a folder to the disk, with the names in it */
  constructor(private readonly sync: (folder: string) => Promise<void>) {}

  /** Settles when all that is in a folder by now is on the disk, or fails as the sync does. */
  see(folder: string): Promise<void> {
    let shared = this.next.get(folder);
    if (shared === undefined) {
      shared = this.afterCurrent(folder);
      this.next.set(folder, shared);
    }
    return shared;
  }

  private async afterCurrent(folder: string): Promise<void> {
    // How that ends is told to whoever asked for it.
    await this.underWay.get(folder)?.catch(() => {});
    // Others who are about to ask have their turn first.
    await new Promise((resolve) => setImmediate(resolve));
    this.next.delete(folder);
    const run = this.sync(folder);
    this.underWay.set(folder, run);
    try {
      await run;
    } finally {
      this.underWay.delete(folder);
    }
  }
}
