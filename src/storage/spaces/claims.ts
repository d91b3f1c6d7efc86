import { FoldError } from "../../errors.ts";
import type { Attempt, JobWanted } from "../port.ts";
import { sourcePath } from "./attempt-files.ts";
import { begin, owned } from "./attempts.ts";
import type { InputBucket, InputText } from "./input-bucket.ts";
import { type AttemptState, attemptPath, type MachineState } from "./machine-state.ts";
import type { SpacesConfig } from "./spaces-config.ts";
import type { Unanswered } from "./unanswered.ts";

/** Errors that are one text's: it counts as failed, and the worker goes on with the others. */
const OF_ONE_TEXT: ReadonlySet<string> = new Set(["not_found", "corrupt", "conflict", "failed"]);

/** With what claims are made. */
interface Means {
  readonly config: SpacesConfig;
  readonly inputs: InputBucket;
  readonly unanswered: Unanswered;
  /** Of the attempts of this machine. */
  readonly folder: string;
  /** See MachineState. */
  readonly change: <T>(act: (state: MachineState) => T | Promise<T>) => Promise<T>;
}

/** The claims of one worker: which of its texts is next, and the text on this machine's disk. */
export class Claims {
  /** Why the texts of attempts could not be fetched. */
  private readonly unread = new WeakMap<Attempt, FoldError>();
  /** The jobs that were done here, and which text that was. */
  private readonly done = new Map<string, string>();

  constructor(private readonly means: Means) {}

  /** See Storage.claimNextJob. */
  async next({ worker, id, most_bytes }: JobWanted): Promise<Attempt | null> {
    const { inputs, change } = this.means;
    let trouble: FoldError | null = null;
    for (const { key, hasEnded } of await this.inOrder(id)) {
      const text = await inputs.look(key);
      if (text === null) {
        if (!hasEnded) trouble ??= inputs.noInput(key);
        continue;
      }
      if (text.size_bytes > (most_bytes?.text ?? Infinity) || this.isDone(text)) continue;
      const begun = await change((state) => (state.isOurs(text.job) ? null : begin(state, text, worker)));
      if (begun === null) continue;
      try {
        return await this.prepare(begun, text);
      } catch (error) {
        if (!(error instanceof FoldError && error.code === "unreachable")) throw error;
        trouble ??= error;
      }
    }
    // Not before all others had their turn.
    if (trouble !== null) throw trouble;
    return null;
  }

  /** @throws FoldError why the text of an attempt could not be fetched, if that is so */
  checkText(attempt: Attempt): void {
    const why = this.unread.get(attempt);
    if (why !== undefined) throw why;
  }

  /** A job is done: whoever lets it wait anew means another worker. */
  end(job: string, version: string): void {
    this.done.set(job, version);
  }

  /** Whether this worker has done a text. */
  isDone({ job, version }: InputText): boolean {
    return this.done.get(job) === version;
  }

  /** What a claim looks at: what has come to no end here first, so that few have to be asked for. */
  private async inOrder(id: string | undefined) {
    const { config, inputs, change } = this.means;
    const keys = config.inputs.filter((key) => id === undefined || inputs.jobOf(key) === id);
    const known = await change((state) => {
      return keys.map((key) => {
        const job = inputs.jobOf(key);
        const { done, failure } = state.job(job);
        return { key, isOurs: state.isOurs(job), hasEnded: done !== null || failure !== null };
      });
    });
    const others = known.filter(({ isOurs }) => !isOurs);
    return [...others.filter(({ hasEnded }) => !hasEnded), ...others.filter(({ hasEnded }) => hasEnded)];
  }

  /** Bring the text to the attempt that has begun: from here on it needs no network until it is done. */
  private async prepare(begun: AttemptState, text: InputText): Promise<Attempt> {
    const { config, inputs, unanswered, change } = this.means;
    const { job: id, number } = begun;
    const { name, size_bytes } = text;
    const folder = attemptPath(this.means.folder, id, number);
    const of = { worker: begun.worker ?? "", options: config.options, size_bytes };
    const attempt: Attempt = { id, kind: "text", name, number, ...of, archives: [], folder };
    if (begun.text_sha256 !== null) return attempt;
    try {
      const fetch = () => inputs.fetch(text, sourcePath(folder));
      const text_sha256 = await unanswered.over(inputs.bucket, text.key, fetch);
      await change((state) => state.setAttempt({ ...owned(state, attempt), text_sha256 }));
    } catch (error) {
      if (!(error instanceof FoldError && OF_ONE_TEXT.has(error.code))) {
        await change((state) => state.forget(begun));
        throw error;
      }
      // Told by whoever reads it: that is how an attempt fails.
      this.unread.set(attempt, error);
    }
    return attempt;
  }
}
