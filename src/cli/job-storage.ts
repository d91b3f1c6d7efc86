import { readWorkConfig, type WorkConfig } from "../config.ts";
import { createStorage, parseBackend, type StorageConfig } from "../storage/create-storage.ts";
import type { Storage } from "../storage/port.ts";
import type { CommandIo } from "./command.ts";

/** The options of all commands that have to do with jobs. */
export interface StorageFlags {
  readonly storageBackend: string | null;
  readonly stateDir: string | null;
}

/** Where jobs are kept, as options and environment say. */
export function storageConfig(flags: StorageFlags, io: CommandIo, work: WorkConfig = readWorkConfig()): StorageConfig {
  const backend =
    flags.storageBackend === null
      ? parseBackend(work.backend, "STORAGE_BACKEND")
      : parseBackend(flags.storageBackend, "--storage-backend");
  const { grace_ms, whole_below_bytes } = work;
  return { backend, stateDir: flags.stateDir ?? io.config.stateDir, grace_ms, whole_below_bytes };
}

/** The storage that a command looks at. */
export function openStorage(flags: StorageFlags, io: CommandIo): Storage {
  return createStorage(storageConfig(flags, io));
}
