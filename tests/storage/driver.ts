// A process that works on a storage, for tests that stop or kill it.
//
//     bun tests/storage/driver.ts ADDRESS claim-all        claim all texts, print their names
//     bun tests/storage/driver.ts ADDRESS job SIGNAL N     do one job to its end; before the Nth change send the signal to itself
//     bun tests/storage/driver.ts ADDRESS hold             claim a job, then do the calls named on standard input
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { FoldError } from "../../src/errors.ts";
import { createStorage, type StorageConfig } from "../../src/storage/create-storage.ts";
import { interceptChanges } from "../../src/storage/local/files.ts";
import type { Storage } from "../../src/storage/port.ts";
import { callsOf } from "./calls.ts";
import { claim, finish, wanted } from "./place.ts";

/** At once, also when the process is stopped right after. */
function say(line: string): void {
  writeSync(1, `${line}\n`);
}

function codeOf(error: unknown): string {
  return error instanceof FoldError ? error.code : String(error);
}

async function claimAll(storage: Storage, orders: AsyncIterator<string>): Promise<void> {
  say("ready");
  await orders.next();
  const names: string[] = [];
  for (;;) {
    const attempt = await storage.claimNextJob(wanted({ worker: `process-${process.pid}` }));
    if (attempt === null) break;
    names.push(attempt.name);
  }
  say(JSON.stringify(names));
}

async function doJob(storage: Storage, signal: NodeJS.Signals, stopBefore: number, merges: boolean): Promise<void> {
  let changes = 0;
  interceptChanges((change) => {
    changes++;
    if (changes !== stopBefore) return;
    say(`before ${change}`);
    process.kill(process.pid, signal);
  });
  try {
    const attempt = await storage.claimNextJob(wanted({ worker: "sleeper", merges }));
    if (attempt === null) return say("nothing to do");
    await storage.heartbeat(attempt, { share: 0.5, orthos: 1 });
    await storage.spillChunk(attempt, "part-0", new Uint8Array(10));
    await finish(storage, attempt);
    say("completed");
  } catch (error) {
    say(codeOf(error));
  }
}

async function hold(storage: Storage, orders: AsyncIterator<string>): Promise<void> {
  const attempt = await claim(storage, { worker: "sleeper" });
  say(attempt.name);
  for (;;) {
    const { done, value } = await orders.next();
    if (done === true) return;
    try {
      await callsOf(storage, attempt)[value]();
      say("ok");
    } catch (error) {
      say(codeOf(error));
    }
  }
}

const [address, command, signal, count, merges] = process.argv.slice(2);
const storage = createStorage(JSON.parse(address) as StorageConfig);
const orders = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
if (command === "claim-all") await claimAll(storage, orders);
else if (command === "hold") await hold(storage, orders);
else await doJob(storage, signal as NodeJS.Signals, Number(count), merges === "merges");
// Standard input may stay open for ever; all that was said is written.
process.exit(0);
