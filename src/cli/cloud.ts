import { FoldError } from "../errors.ts";
import { CloudParts } from "../storage/cloud/cloud-parts.ts";
import type { CommandIo } from "./command.ts";
import { firstContact } from "./first-contact.ts";
import { storageConfig } from "./job-storage.ts";

/** Do something with the database and the buckets that the environment names, and let go of them. */
export async function withCloud<T>(io: CommandIo, act: (cloud: CloudParts) => Promise<T>): Promise<T> {
  const config = storageConfig({ storageBackend: "cloud", stateDir: null }, io);
  if (config.backend !== "cloud")
    throw new FoldError("usage", "these are not the jobs of a fleet", "see `fold status`");
  const cloud = new CloudParts(config, firstContact(io));
  try {
    return await act(cloud);
  } finally {
    await cloud.close();
  }
}
