import { readWorkConfig } from "../config.ts";
import { FoldError } from "../errors.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import type { WorkFlags } from "./job-definitions.ts";
import { storageConfig } from "./job-storage.ts";
import { runWorker } from "./run-worker.ts";

/** `fold work`: work off the jobs of a storage until nothing is left. */
export async function execute({ flags }: CommandArguments<WorkFlags>, io: CommandIo): Promise<number> {
  const config = readWorkConfig(flags.storageBackend);
  const storage = storageConfig(flags, io, config);
  if (storage.backend === "spaces") {
    const hint = "`fold worker --backend spaces --input KEY` folds a text without coordination";
    throw new FoldError("usage", "there are no jobs to be shared in Spaces alone", hint);
  }
  return await runWorker(storage, config, flags, io);
}
