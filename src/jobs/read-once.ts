import { checkTextSize } from "../core/text.ts";
import { FoldError, fromSystemError } from "../errors.ts";

/**
 * The bytes of a text that can be read only once: the standard input, or a pipe that has the name of a file.
 *
 * A stream of the web: unlike one of Node, and unlike a call of the system, it can be left while it waits for somebody to
 * write, or to open the pipe.
 *
 * @param path of the pipe; null for the standard input
 * @param title what messages call it
 * @throws FoldError `interrupted` after `signal`; `too_long`, `unreadable`
 */
export async function* readOnce(
  path: string | null,
  title: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  let reader: ReturnType<ReadableStream<Uint8Array>["getReader"]> | null = null;
  let size_bytes = 0;
  const leave = () => void reader?.cancel().catch(() => {});
  signal?.addEventListener("abort", leave);
  try {
    reader = (path === null ? Bun.stdin : Bun.file(path)).stream().getReader();
    for (;;) {
      if (signal?.aborted) throw stopped(title);
      const { done, value } = await reader.read();
      if (done && !signal?.aborted) return;
      if (value === undefined) continue;
      // One that never ends must not fill memory or disk first.
      size_bytes += value.length;
      checkTextSize(size_bytes, title);
      yield value;
    }
  } catch (error) {
    throw fromSystemError(error, "read the text", title);
  } finally {
    signal?.removeEventListener("abort", leave);
    leave();
  }
}

function stopped(title: string): FoldError {
  return new FoldError("interrupted", `stopped while ${title} was read`, "run the same command again");
}
