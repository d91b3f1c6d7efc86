import { join } from "node:path";
import type { Manifest } from "../archive/manifest.ts";

/** Ending of an archive in one file. */
export const WHOLE_ENDING = ".tar.zst";

/** An archive in the store, in whatever form it is kept. */
export interface StoredArchive {
  readonly name: string;
  /** Objects and a reference to them; or, from before there was a store, a whole tar.zst file or a plain folder. */
  readonly form: "objects" | "whole" | "folder";
  /** The file or folder that stands for it. */
  readonly place: string;
  /** What it takes as one file or folder. */
  readonly size_bytes: number;

  /**
   * Make the archive a tar.zst file in a folder.
   *
   * @returns the path of the file, which is the caller's to remove
   * @throws FoldError `usage` for what is no archive of fold
   */
  materialise(folder: string): Promise<string>;

  /** The raw bytes of one member, `interner.bin` for instance, without reading the rest; checked. */
  readMember(path: string): Promise<Uint8Array>;

  /** The archive's own manifest. */
  describe(): Promise<Manifest>;

  /** Give back what was added, at a path where there is nothing yet. */
  restore(path: string): Promise<void>;
}

/** Where `materialise` puts an archive. */
export function materialPath(folder: string, name: string): string {
  return join(folder, `${name}${WHOLE_ENDING}`);
}
