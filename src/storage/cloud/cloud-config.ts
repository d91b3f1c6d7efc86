import type { S3Config } from "../../s3/sign.ts";

/** Where jobs, texts and archives of a fleet are: plain data, so that a thread can open the same for itself. */
export interface CloudConfig {
  readonly backend: "cloud";
  /** DATABASE_URL; holds a password, so it is never shown. */
  readonly databaseUrl: string;
  readonly spaces: S3Config;
  readonly buckets: Buckets;
  /** Folder of this machine for what is under way and for what was downloaded. */
  readonly cacheDir: string;
  readonly cacheSize_bytes: number;
  /** An attempt that was not heard of for so long is lost. */
  readonly grace_ms: number;
}

/** The buckets of a fleet. */
export interface Buckets {
  /** Texts. */
  readonly input: string;
  /** Archives. */
  readonly results: string;
  /** Finished parts of jobs that are under way. */
  readonly temp: string;
}
