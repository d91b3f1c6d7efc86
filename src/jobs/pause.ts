/** Wait for so long, or until a signal is aborted. */
export function pause(time_ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, time_ms);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
}
