import { changeJobs } from "./change-jobs.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import type { JobFlags } from "./job-definitions.ts";

/** `fold retry JOB...`: let jobs that failed wait again. */
export function execute(args: CommandArguments<JobFlags>, io: CommandIo): Promise<number> {
  return changeJobs(args, io, {
    outcome: "waits again",
    states: ["failed"],
    act: (storage, id) => storage.retryJob(id),
  });
}
