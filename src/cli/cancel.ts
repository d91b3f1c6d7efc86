import { changeJobs } from "./change-jobs.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import type { JobFlags } from "./job-definitions.ts";

/** `fold cancel JOB...`: take jobs out; a running one is lost to its worker. */
export function execute(args: CommandArguments<JobFlags>, io: CommandIo): Promise<number> {
  return changeJobs(args, io, {
    outcome: `cancelled; \`${io.program} retry\` lets it wait again`,
    states: ["waiting", "running"],
    act: (storage, id) => storage.cancelJob(id),
  });
}
