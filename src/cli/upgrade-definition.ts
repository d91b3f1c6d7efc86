import type { CommandDefinition } from "./command.ts";
import { type FlagValues, toggle, valued, versionNumber } from "./flags.ts";

export const upgradeFlags = {
  version: valued("this release, also an older one", "V", versionNumber, null, "the latest"),
  rollback: toggle("bring back the program that the last upgrade replaced"),
  json: toggle("print JSON on stdout and nothing else there"),
};

export type UpgradeFlags = FlagValues<typeof upgradeFlags>;

/** `fold upgrade`: in a file of its own, beside what it does. */
export const upgradeDefinition: CommandDefinition = {
  name: "upgrade",
  summary: "replace this program by the latest release, verified and tried first",
  parameters: "",
  atLeast: 0,
  atMost: 0,
  flags: upgradeFlags,
  examples: [
    ["upgrade", "the latest release"],
    ["upgrade --version 1.2.0", "a certain one"],
    ["upgrade --rollback", "the one before"],
  ],
  load: () => import("./upgrade.ts"),
};
