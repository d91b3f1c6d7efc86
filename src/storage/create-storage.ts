import type { FirstContact } from "../db/contact.ts";
import { FoldError } from "../errors.ts";
import type { CloudConfig } from "./cloud/cloud-config.ts";
import { CloudStorage } from "./cloud/cloud-storage.ts";
import { LocalStorage } from "./local/local-storage.ts";
import type { Storage } from "./port.ts";
import type { SpacesConfig } from "./spaces/spaces-config.ts";
import { SpacesStorage } from "./spaces/spaces-storage.ts";

/** The storage backends, by the names that users give them. */
export const backends = ["local", "cloud", "spaces"] as const;

export type Backend = (typeof backends)[number];

/** Which storage, and where: plain data, so that a thread can make the same storage for itself. */
export type StorageConfig = LocalConfig | CloudConfig | SpacesConfig;

/** A state directory. */
export interface LocalConfig {
  readonly backend: "local";
  /** The state directory. */
  readonly stateDir: string;
  /** An attempt that was not heard of for so long is lost. */
  readonly grace_ms: number;
  /** Archives smaller than this are not taken apart into objects. */
  readonly whole_below_bytes: number;
}

/**
 * Open the storage that a configuration names.
 *
 * @param contact how to meet a database for the first time, where there is one; left out: with patience, and in silence
 */
export function createStorage(config: StorageConfig, contact: FirstContact = {}): Storage {
  switch (config.backend) {
    case "local":
      return new LocalStorage({ ...config, folder: config.stateDir });
    case "cloud":
      return new CloudStorage(config, contact);
    case "spaces":
      return new SpacesStorage(config);
  }
}

/**
 * A backend by its name.
 *
 * @param origin where the name comes from, for the message
 * @throws FoldError `usage` for any other name: work must not go to a place that nobody meant
 */
export function parseBackend(name: string, origin: string): Backend {
  const backend = backends.find((known) => known === name);
  if (backend !== undefined) return backend;
  throw new FoldError("usage", `${origin} cannot be ${JSON.stringify(name)}`, `give one of ${backends.join(", ")}`);
}
