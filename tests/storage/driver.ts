// A process that works on storages, for tests that stop or kill it.
//
//     bun tests/storage/driver.ts claim-all ADDRESS        claim all texts, print their names
//     bun tests/storage/driver.ts hold ADDRESS             claim a job, then do the calls named on standard input
//     bun tests/storage/driver.ts jobs                     do one job for each order on standard input, a line of JSON
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { FoldError } from "../../src/errors.ts";
import { createStorage, type StorageConfig } from "../../src/storage/create-storage.ts";
import { interceptChanges } from "../../src/storage/local/files.ts";
import type { Storage } from "../../src/storage/port.ts";
import { callsOf } from "./calls.ts";
import { claim, finish, wanted } from "./place.ts";
import type { JobOrder } from "./processes.ts";

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

async function doJobs(orders: AsyncIterable<string>): Promise<void> {
  for await (const order of orders) say(await doJob(JSON.parse(order) as JobOrder));
}

/** Do one job, a merge where no text waits; how it ended. */
async function doJob({ address, signal, stopBefore }: JobOrder): Promise<string> {
  const storage = createStorage(JSON.parse(address) as StorageConfig);
  let changes = 0;
  const restore = interceptChanges((change) => {
    changes++;
    if (changes !== stopBefore) return;
    say(`before ${change}`);
    process.kill(process.pid, signal);
  });
  try {
    const attempt = await storage.claimNextJob(wanted({ worker: "sleeper", merges: true }));
    if (attempt === null) return "nothing to do";
    await storage.heartbeat(attempt, { share: 0.5, orthos: 1 });
    await storage.spillChunk(attempt, "part-0", new Uint8Array(10));
    await finish(storage, attempt);
    return "completed";
  } catch (error) {
    return codeOf(error);
  } finally {
    restore();
    await storage.close();
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

const [command, address = ""] = process.argv.slice(2);
const input = createInterface({ input: process.stdin });
if (command === "jobs") {
  await doJobs(input);
} else {
  const storage = createStorage(JSON.parse(address) as StorageConfig);
  await (command === "hold" ? hold : claimAll)(storage, input[Symbol.asyncIterator]());
}
// Standard input may stay open for ever; all that was said is written.
process.exit(0);
