import type { FoldOptions } from "../archive/manifest.ts";
import { readFleetConfig, readSpacesConfig, readWorkConfig, type WorkConfig } from "../config.ts";
import { parseAddress } from "../db/connection.ts";
import type { CloudConfig } from "../storage/cloud/cloud-config.ts";
import { createStorage, parseBackend, type StorageConfig } from "../storage/create-storage.ts";
import type { Storage } from "../storage/port.ts";
import type { CommandIo } from "./command.ts";
import { firstContact } from "./first-contact.ts";
import { stateDirectory } from "./state-directory.ts";

/** The options of all commands that have to do with jobs. */
export interface StorageFlags {
  readonly storageBackend: string | null;
  readonly stateDir: string | null;
}

/** What a worker without coordination is told to fold, and how. */
export interface Assigned {
  readonly inputs: readonly string[];
  readonly options: FoldOptions;
}

/** Where jobs are kept, as options and environment say. */
export function storageConfig(
  { storageBackend, stateDir }: StorageFlags,
  io: CommandIo,
  work: WorkConfig = readWorkConfig(storageBackend),
  assigned: Assigned | null = null,
): StorageConfig {
  const backend = parseBackend(work.backend, storageBackend === null ? "STORAGE_BACKEND" : "--storage-backend");
  const { grace_ms, whole_below_bytes } = work;
  switch (backend) {
    case "local":
      return { backend, stateDir: stateDirectory(stateDir ?? io.config.stateDir), grace_ms, whole_below_bytes };
    case "cloud":
      return cloudConfig(grace_ms);
    case "spaces": {
      const { buckets, cacheDir, cacheSize_bytes, ...spaces } = readSpacesConfig();
      const { inputs, options } = assigned ?? { inputs: [], options: { max_dims: 2, min_volume: 1, shard: null } };
      return { backend, spaces, buckets, cacheDir, cacheSize_bytes, inputs, options, grace_ms };
    }
  }
}

/** Where the jobs of a fleet are, as the environment says. */
export function cloudConfig(grace_ms: number): CloudConfig {
  const config = readFleetConfig();
  const { buckets, cacheDir, cacheSize_bytes, ...spaces } = config.spaces;
  const { url: databaseUrl } = config.database;
  // A URL that is none is told here, before anything is begun.
  parseAddress(databaseUrl);
  return { backend: "cloud", databaseUrl, spaces, buckets, cacheDir, cacheSize_bytes, grace_ms };
}

/** Do something with the storage that options and environment name, and let go of it. */
export async function withStorage<T>(
  flags: StorageFlags,
  io: CommandIo,
  act: (storage: Storage) => Promise<T>,
): Promise<T> {
  const storage = createStorage(storageConfig(flags, io), firstContact(io));
  try {
    return await act(storage);
  } finally {
    await storage.close();
  }
}
