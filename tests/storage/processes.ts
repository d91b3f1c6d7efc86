// Other processes that work on a storage, and what they report.
import { join } from "node:path";

/** What a driver is to do, see driver.ts. */
export type Command = "claim-all" | "hold" | "jobs";

/** An order of the command "jobs". */
export interface JobOrder {
  /** Of the storage. */
  readonly address: string;
  /** What the process sends to itself. */
  readonly signal: NodeJS.Signals;
  /** Before which change, counted from 1. */
  readonly stopBefore: number;
}

/** A process that works on storages, and is told what to do line by line. */
export class Driver {
  private readonly child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  private readonly lines: Lines;

  /** @param address of the storage, where the command needs one */
  constructor(command: Command, address = "") {
    this.child = Bun.spawn([process.execPath, join(import.meta.dir, "driver.ts"), command, address], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    this.lines = new Lines(this.child.stdout);
  }

  get exited(): Promise<number> {
    return this.child.exited;
  }

  /** The next line that it says; an error when it has ended before. */
  next(): Promise<string> {
    return this.lines.next();
  }

  async tell(line: string): Promise<void> {
    this.child.stdin.write(`${line}\n`);
    await this.child.stdin.flush();
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Nothing is told any more; wait for its end. */
  async end(): Promise<void> {
    await this.child.stdin.end();
    await this.exited;
  }
}

/** Let processes claim all texts that wait, all at once; what each got, by name. */
export async function claimAllElsewhere(address: string, processes: number): Promise<string[][]> {
  const drivers = Array.from({ length: processes }, () => new Driver("claim-all", address));
  // Each says that it is ready; then all are let go at the same time.
  await Promise.all(drivers.map((driver) => driver.next()));
  for (const driver of drivers) await driver.tell("go");
  const claimed = await Promise.all(drivers.map(async (driver) => JSON.parse(await driver.next()) as string[]));
  await Promise.all(drivers.map((driver) => driver.exited));
  return claimed;
}

/** The output of a process, line by line. */
class Lines {
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
