import { FoldError } from "../errors.ts";
import type { CloudConfig } from "../storage/cloud/cloud-config.ts";
import { CloudParts } from "../storage/cloud/cloud-parts.ts";
import { checkAlone } from "../storage/cloud/ownership.ts";
import { type Check, type Checkup, type DoctorRole, good } from "./check.ts";
import { cloudConfig } from "./job-storage.ts";
import { neededDeeds, type Use } from "./key-probes.ts";

const uses = ["input", "results", "temp"] as const satisfies readonly Use[];

/** Whether database and buckets belong together. Settings that are missing are told where each is looked at by itself. */
export function fleetCheckup(role: DoctorRole): Checkup {
  try {
    return checkupWith(cloudConfig(0), role);
  } catch (error) {
    if (!(error instanceof FoldError)) throw error;
    return { checks: [], close: () => Promise.resolve() };
  }
}

function checkupWith(config: CloudConfig, role: DoctorRole): Checkup {
  const cloud = new CloudParts(config);
  const mayLook = uses.filter((use) => neededDeeds[role][use].includes("list"));
  return { checks: mayLook.map((use) => alone(cloud, use)), close: () => cloud.close() };
}

/** A worker could work here all the same, but nobody could tidy up behind it: most likely a name or the URL is wrong. */
function alone(cloud: CloudParts, use: Use): Check {
  const { name } = cloud[use];
  return {
    name: `${name}: fleet`,
    after: ["database: migrations", "database: rows of fleet", `${name}: list`],
    run: async (signal) => {
      await checkAlone(cloud, use, { signal });
      return good("no other database is at work in it");
    },
  };
}
