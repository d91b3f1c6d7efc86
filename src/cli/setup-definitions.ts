import { doctorRoles } from "./check.ts";
import type { CommandDefinition } from "./command.ts";
import { json } from "./common-flags.ts";
import { type FlagValues, oneOf } from "./flags.ts";

export const setupFlags = { json };
export const doctorFlags = {
  role: oneOf("what key and role are for; what that does not need is told, and not asked for", doctorRoles, "all"),
  json,
};

export type SetupFlags = FlagValues<typeof setupFlags>;
export type DoctorFlags = FlagValues<typeof doctorFlags>;

/** `fold setup` and `fold doctor`: what comes before the first job in the cloud. */
export const setupDefinitions: readonly CommandDefinition[] = [
  {
    name: "setup",
    summary: "make the buckets that fold needs in Spaces, and the rules that keep them tidy",
    parameters: "",
    atLeast: 0,
    atMost: 0,
    flags: setupFlags,
    examples: [["setup", "once; where all is there already, nothing happens"]],
    load: () => import("./setup.ts"),
  },
  {
    name: "doctor",
    summary: "try what workers will need: database, Spaces, keys, permissions, clocks; say what to fix",
    parameters: "",
    atLeast: 0,
    atMost: 0,
    flags: doctorFlags,
    examples: [
      ["doctor", "try everything; what it makes it removes"],
      ["doctor --role worker", "with a worker's limited key and role: only what it needs must be allowed"],
      ["doctor --json", "for programs; the exit code is 1 if something is wrong"],
    ],
    load: () => import("./doctor.ts"),
  },
];
