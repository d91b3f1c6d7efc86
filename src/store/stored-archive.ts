import type { Manifest } from "../archive/manifest.ts";
import type { Pause } from "./files.ts";

/** Ending of an archive in one file. */
export const WHOLE_ENDING = ".tar.zst";

/** An archive, or whatever else was added, in the form in which it is kept. */
export interface StoredArchive {
  readonly name: string;
  /** Objects and a reference to them; or, from before there was a store, a whole tar.zst file or a plain folder. */
  readonly form: "objects" | "whole" | "folder";
  /** The file or folder that stands for it. */
  readonly place: string;
  /** What it takes as one file or folder. */
  readonly size_bytes: number;

  /** SHA-256 of the archive's tar. */
  tarSha256(): Promise<string>;

  /** The archive's own manifest. */
  describe(): Promise<Manifest>;

  /** The raw bytes of one member, `interner.bin` for instance, without reading the rest; checked. */
  readMember(path: string): Promise<Uint8Array>;

  /**
   * Make the archive a tar.zst file.
   *
   * @throws FoldError `corrupt` or `not_found` for what is no archive of fold
   */
  writeWhole(path: string, pause: Pause): Promise<void>;

  /** Give back what was added, at a path where there is nothing yet. */
  restore(path: string, pause: Pause): Promise<void>;
}
