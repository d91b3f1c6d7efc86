// Tests that are about permissions, which root has all of.
import { chmodSync } from "node:fs";

/**
 * Do something as a user who is not root.
 *
 * @param folder of the test, which others may look into from now on
 */
export async function asNobody<T>(folder: string, act: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return await act();
  chmodSync(folder, 0o755);
  process.seteuid?.(65534);
  try {
    return await act();
  } finally {
    process.seteuid?.(0);
  }
}
