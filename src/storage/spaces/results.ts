import { join } from "node:path";
import { Bucket } from "../../s3/bucket.ts";
import { Cache } from "../../s3/cache.ts";
import { Connection } from "../../s3/connection.ts";
import { ResultArchives } from "./result-archives.ts";
import type { SpacesConfig } from "./spaces-config.ts";

/** Do something with the archives in the bucket for results, and let go of the connection. */
export async function withResults<T>(config: SpacesConfig, act: (archives: ResultArchives) => Promise<T>): Promise<T> {
  const { spaces, buckets, cacheDir, cacheSize_bytes } = config;
  const cache = new Cache(join(cacheDir, "content"), cacheSize_bytes);
  return await act(new ResultArchives(new Bucket(new Connection(spaces), buckets.results), cache));
}
