import { FoldError } from "../../errors.ts";
import type { Attempt, JobEntry } from "../port.ts";
import type { InputText } from "./input-bucket.ts";
import type { AttemptState, MachineState } from "./machine-state.ts";

/**
 * Begin an attempt at a text; null when it is done or put aside. It goes on from the work of one that was given back or
 * whose process is gone; while all of them are alive it has a folder of its own, and does the same work beside them.
 */
export async function begin(state: MachineState, text: InputText, worker: string): Promise<AttemptState | null> {
  const { job, version } = text;
  const known = state.job(job);
  if (known.done === version || (known.failure !== null && known.version === version)) return null;
  if (known.version !== version) state.setJob(job, { version, failures: 0, failure: null });
  let older: AttemptState | null = null;
  for (const attempt of state.attempts(job)) {
    if (await state.isAlive(attempt)) continue;
    if (attempt.version !== version) state.forget(attempt);
    else older = attempt;
  }
  return await state.begin(job, worker, version, older);
}

/** The state of an attempt, which must still be its worker's; FoldError `lease_lost`. */
export function owned(state: MachineState, { id, number, worker }: Attempt): AttemptState {
  const found = state.attempts(id).find((attempt) => attempt.number === number && attempt.worker === worker);
  if (found !== undefined) return found;
  throw new FoldError("lease_lost", `job ${id} is no longer this worker's`, "start the worker again");
}

/** A text as it is listed; nothing when it is done. */
export async function entriesOf(state: MachineState, text: InputText): Promise<JobEntry[]> {
  const { job: id, name, size_bytes, version } = text;
  const known = state.job(id);
  if (known.done === version) return [];
  let running: AttemptState | null = null;
  for (const attempt of state.attempts(id)) if (await state.isAlive(attempt)) running = attempt;
  const isSame = known.version === version;
  const failure = isSame && running === null ? known.failure : null;
  return [
    {
      id,
      kind: "text",
      name,
      state: running !== null ? "running" : failure !== null ? "failed" : "waiting",
      size_bytes,
      failures: isSame ? known.failures : 0,
      worker: running?.worker ?? null,
      heartbeat_age_ms: null,
      progress: null,
      failure,
    },
  ];
}
