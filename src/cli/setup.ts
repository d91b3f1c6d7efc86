import { readSpacesConfig, type SpacesConfig } from "../config.ts";
import { Bucket } from "../s3/bucket.ts";
import type { Tidying } from "../s3/buckets.ts";
import { Connection } from "../s3/connection.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import type { SetupFlags } from "./setup-definitions.ts";

/** What the rules of each bucket throw away. */
export const tidyings: Readonly<Record<keyof SpacesConfig["buckets"], Tidying>> = {
  input: { expire_days: null, abort_days: 7 },
  results: { expire_days: null, abort_days: 7 },
  // What a job leaves here is of use as long as the job runs.
  temp: { expire_days: 30, abort_days: 7 },
};

/** `fold setup`: can be run again and again. */
export async function execute({ flags }: CommandArguments<SetupFlags>, io: CommandIo): Promise<number> {
  const { output, signal } = io;
  const config = readSpacesConfig();
  const connection = new Connection(config);
  const buckets: { readonly name: string; readonly is_new: boolean; readonly rules_changed: boolean }[] = [];
  for (const use of ["input", "results", "temp"] as const) {
    const name = config.buckets[use];
    const bucket = new Bucket(connection, name);
    const is_new = await bucket.ensure({ signal });
    const rules_changed = await bucket.ensureTidying(tidyings[use], { signal });
    buckets.push({ name, is_new, rules_changed });
    if (flags.json) continue;
    const rules = rules_changed ? "its rules are set" : "its rules are right";
    output.line(`${name}: ${is_new ? "made" : "there already"}, ${rules}`);
  }
  if (flags.json) output.json({ buckets });
  return 0;
}
