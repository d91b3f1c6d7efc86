import { readWorkConfig } from "../config.ts";
import type { WorkerFlags } from "./cloud-definitions.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import { storageConfig } from "./job-storage.ts";
import { runWorker } from "./run-worker.ts";

/** `fold worker`: work off the jobs of a fleet. */
export async function execute({ flags }: CommandArguments<WorkerFlags>, io: CommandIo): Promise<number> {
  const config = readWorkConfig(flags.backend);
  const storage = storageConfig({ storageBackend: flags.backend, stateDir: null }, io, config);
  const cache = flags.cacheSize === null ? {} : { cacheSize_bytes: flags.cacheSize };
  return await runWorker({ ...storage, ...cache }, config, flags, io);
}
