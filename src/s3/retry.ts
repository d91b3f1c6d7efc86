import { type Deed, S3Error, stopped } from "./s3-error.ts";

/** How often and how patiently a call is tried again. */
export interface Patience {
  /** Tries in all. */
  readonly tries: number;
  /** The longest wait before the second try; it doubles with every try. */
  readonly base_ms: number;
  /** No wait is longer. */
  readonly most_ms: number;
}

/** Six seconds on average until it gives up: long enough for a gateway that restarts, and callers may try again. */
export const usualPatience: Patience = { tries: 8, base_ms: 100, most_ms: 5_000 };

/**
 * Do something until it works, or fails for good.
 *
 * Waits are drawn evenly between nothing and a bound that doubles ("full jitter"), so that a thousand workers whose
 * gateway came back do not all call in the same moment.
 *
 * @param settle looks at what became of a try that failed without telling: a value ends the matter, undefined means that
 *   it did not happen
 * @throws S3Error of the last try; FoldError `interrupted`
 */
export async function retrying<T>(
  patience: Patience,
  deed: Deed,
  signal: AbortSignal | undefined,
  act: () => Promise<T>,
  settle?: (error: S3Error) => Promise<T | undefined>,
): Promise<T> {
  for (let tried = 1; ; tried++) {
    if (signal?.aborted) throw stopped(deed);
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof S3Error && error.isTransient)) throw error;
      const settled = await settle?.(error);
      if (settled !== undefined) return settled;
      if (tried >= patience.tries) throw error;
      await pause(Math.random() * Math.min(patience.most_ms, patience.base_ms * 2 ** (tried - 1)), deed, signal);
    }
  }
}

function pause(time_ms: number, deed: Deed, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(stopped(deed));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, time_ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
