/** The environment variables that fold knows; `fold help environment` prints this table. */
export const environment = [
  {
    name: "FOLD_STATE_DIR",
    initial: "fold_state",
    meaning: "the state directory: archives and whatever else fold keeps go here",
  },
  { name: "LOCAL_STATE_DIR", initial: "fold_state", meaning: "the same, where FOLD_STATE_DIR is not set" },
  { name: "NO_COLOR", initial: "not set", meaning: "set to anything: no colour, not even on a terminal" },
  { name: "COLUMNS", initial: "the terminal's, else 80", meaning: "the width that grids and tables fit into" },
  { name: "FOLD_DEBUG", initial: "not set", meaning: "set to 1: an error that fold does not know prints its stack" },
] as const;

/** What the environment says. */
export interface Config {
  readonly stateDir: string;
  /** Whether the user lets us colour what goes to a terminal. */
  readonly mayColour: boolean;
  /** Width asked for, in columns; null to go by the terminal. */
  readonly columns: number | null;
  readonly isDebug: boolean;
}

/** Reads the environment: the only place that does. A variable that is set to nothing counts as not set. */
export function readConfig(): Config {
  const read = (name: (typeof environment)[number]["name"]) => process.env[name] || undefined;
  const columns = Number(read("COLUMNS"));
  return {
    stateDir: read("FOLD_STATE_DIR") ?? read("LOCAL_STATE_DIR") ?? "fold_state",
    mayColour: read("NO_COLOR") === undefined,
    columns: Number.isSafeInteger(columns) && columns > 0 ? columns : null,
    isDebug: read("FOLD_DEBUG") === "1",
  };
}
