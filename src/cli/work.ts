import { readWorkConfig } from "../config.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import type { WorkFlags } from "./definitions.ts";
import { storageConfig } from "./job-storage.ts";
import { runWorker } from "./run-worker.ts";

/** `fold work`: work off the jobs of a storage until nothing is left. */
export async function execute({ flags }: CommandArguments<WorkFlags>, io: CommandIo): Promise<number> {
  const config = readWorkConfig(flags.storageBackend);
  return await runWorker(storageConfig(flags, io, config), config, flags, io);
}
