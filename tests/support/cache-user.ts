// A process that takes contents from a cache, over and over: bun cache-user.ts CACHE FOLDER MOST_BYTES ROUNDS SEED.
// Content number N is N's letter, N times 1,000. It ends with 1 when a file does not hold what was asked for.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Cache } from "../../src/s3/cache.ts";
import { sha256Of } from "../../src/s3/etag.ts";

/** Content number so and so. */
export function contentOf(number: number): Uint8Array {
  return new TextEncoder().encode(String.fromCharCode(97 + number).repeat((number + 1) * 1000));
}

async function use([cacheDir, folder, most_bytes, rounds, seed]: readonly string[]): Promise<void> {
  const cache = new Cache(cacheDir!, Number(most_bytes));
  mkdirSync(folder!, { recursive: true });
  let [state, hits] = [Number(seed), 0];
  for (let round = 0; round < Number(rounds); round++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const content = contentOf((state >>> 16) % 20);
    const path = join(folder!, `${round}`);
    const isHit = await cache.take(sha256Of(content), path, async () => writeFileSync(path, content));
    if (isHit) hits++;
    // Later than the taking: nobody may change or remove what was taken.
    await Bun.sleep(0);
    if (!readFileSync(path).equals(content)) throw new Error(`round ${round} holds something else`);
    rmSync(path);
  }
  console.log(hits);
}

if (import.meta.main) await use(Bun.argv.slice(2));
