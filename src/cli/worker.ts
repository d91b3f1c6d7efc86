import { readBackend, readInputFile, readWorkConfig } from "../config.ts";
import { FoldError } from "../errors.ts";
import { parseBackend } from "../storage/create-storage.ts";
import { SpacesStorage } from "../storage/spaces/spaces-storage.ts";
import type { WorkerFlags } from "./cloud-definitions.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import { type Assigned, storageConfig } from "./job-storage.ts";
import { runWorker } from "./run-worker.ts";

/** `fold worker`: work off the jobs of a fleet, or the texts that it is told of. */
export async function execute({ flags }: CommandArguments<WorkerFlags>, io: CommandIo): Promise<number> {
  const asked = flags.backend ?? (isForSpacesAlone() ? "spaces" : "cloud");
  const config = readWorkConfig(asked);
  const assigned = asked === "spaces" ? assignedBy(flags) : noneAssigned(flags);
  const storage = storageConfig({ storageBackend: asked, stateDir: null }, io, config, assigned);
  if (storage.backend === "spaces") {
    const inputs = new SpacesStorage(storage);
    try {
      await inputs.assign();
    } finally {
      await inputs.close();
    }
  }
  const cache = flags.cacheSize === null ? {} : { cacheSize_bytes: flags.cacheSize };
  return await runWorker({ ...storage, ...cache }, config, flags, io);
}

function isForSpacesAlone(): boolean {
  return parseBackend(readBackend(), "STORAGE_BACKEND") === "spaces";
}

/** What a worker without coordination is to fold. */
function assignedBy({ input, maxDims: max_dims, minVolume: min_volume, shard, merge, stay }: WorkerFlags): Assigned {
  if (merge || stay) {
    const hint = merge
      ? "`fold collect` merges what such workers have uploaded"
      : "start a worker for each text that comes";
    throw new FoldError("usage", `--${merge ? "merge" : "stay"} is for workers that share their jobs`, hint);
  }
  const file = readInputFile();
  const inputs = input.length === 0 && file !== null ? [file] : [...new Set(input)];
  if (inputs.length > 0) return { inputs, options: { max_dims, min_volume, shard } };
  throw new FoldError(
    "usage",
    "a worker without coordination has to be told what to fold",
    "give --input KEY, or set INPUT_FILE to the key of a text in the input bucket",
  );
}

/** Jobs bring their own texts and options. */
function noneAssigned({ input, minVolume, shard }: WorkerFlags): null {
  const [given] = [
    input.length > 0 && "--input",
    minVolume !== 1 && "--min-volume",
    shard !== null && "--shard",
  ].filter((name) => name !== false);
  if (given === undefined) return null;
  const hint = "`fold submit` says what a fleet folds; --backend spaces is for workers without one";
  throw new FoldError("usage", `${given} is for --backend spaces`, hint);
}
