import type { CommandDefinition } from "./command.ts";
import { json } from "./common-flags.ts";
import type { FlagValues } from "./flags.ts";

export const dbFlags = { json };

export type DbFlags = FlagValues<typeof dbFlags>;

/** What `fold db` can do. */
export const dbActions = ["migrate", "status"] as const;

export type DbAction = (typeof dbActions)[number];

/** `fold db`: the tables in the database of a fleet. */
export const dbDefinition: CommandDefinition = {
  name: "db",
  summary: "the database of a fleet: make its tables or bring them up to date, tell how it is",
  parameters: "migrate | status",
  atLeast: 1,
  atMost: 1,
  choices: dbActions,
  flags: dbFlags,
  examples: [
    ["db migrate", "make the tables that DATABASE_URL lacks; safe to run at any time, also by several at once"],
    ["db status", "the server's version, migrations, and how many jobs there are"],
  ],
  // What is under way happens as a whole or not at all.
  endsAtOnce: true,
  load: () => import("./db.ts"),
};
