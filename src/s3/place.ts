import type { Connection } from "./connection.ts";

/** A bucket, reached by a connection. */
export interface Place {
  readonly connection: Connection;
  readonly bucket: string;
}

/** What most calls take. */
export interface CallOptions {
  /** Ends the call with FoldError `interrupted`. */
  readonly signal?: AbortSignal | undefined;
}

/** How far a transfer is. */
export interface Transferred {
  readonly done_bytes: number;
  readonly size_bytes: number;
}

/** What calls that may take long take besides. */
export interface TransferOptions extends CallOptions {
  readonly onProgress?: (transferred: Transferred) => void;
}

/** Metadata of an object that fold writes: the SHA-256 of its content. */
export const SHA256_KEY = "fold-sha256";
/** And which call wrote it: after a race tells whose it is, even between equal contents. */
export const WRITER_KEY = "fold-writer";
