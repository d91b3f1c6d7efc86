// Other processes that work on a storage, and what they report.
import { join } from "node:path";

const driver = join(import.meta.dir, "driver.ts");

/** Start the driver with a command on the storage at an address. */
export function startDriver(address: string, ...command: readonly string[]) {
  return Bun.spawn([process.execPath, driver, address, ...command], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
}

/** Let processes claim all texts that wait, all at once; what each got, by name. */
export async function claimAllElsewhere(address: string, processes: number): Promise<string[][]> {
  const children = Array.from({ length: processes }, () => startDriver(address, "claim-all"));
  const lines = children.map((child) => new Lines(child.stdout));
  // Each says that it is ready; then all are let go at the same time.
  await Promise.all(lines.map((line) => line.next()));
  for (const child of children) {
    child.stdin.write("go\n");
    await child.stdin.flush();
  }
  const claimed = await Promise.all(lines.map(async (line) => JSON.parse(await line.next()) as string[]));
  await Promise.all(children.map((child) => child.exited));
  return claimed;
}

/** The output of a process, line by line. */
export class Lines {
  private readonly reader: AsyncIterator<Uint8Array>;
  private readonly decoder = new TextDecoder();
  private text = "";

  constructor(stream: ReadableStream<Uint8Array>) {
    this.reader = stream[Symbol.asyncIterator]();
  }

  /** The next line; an error when the process ended before. */
  async next(): Promise<string> {
    for (;;) {
      const end = this.text.indexOf("\n");
      if (end >= 0) {
        const line = this.text.slice(0, end);
        this.text = this.text.slice(end + 1);
        return line;
      }
      const { done, value } = await this.reader.next();
      if (done === true) throw new Error(`the process ended after ${JSON.stringify(this.text)}`);
      this.text += this.decoder.decode(value, { stream: true });
    }
  }
}
