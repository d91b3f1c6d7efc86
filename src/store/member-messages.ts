/** A compressed member as its place in the archive's file: offset and sizes in bytes. */
export interface PlacedFrame {
  readonly at: number;
  readonly compressed: number;
  readonly content: number;
}

/** A member that was read. */
export interface ReadFrame {
  readonly frame: Uint8Array;
  /** SHA-256 of the raw bytes and of the frame, in hexadecimal. */
  readonly raw: string;
  readonly object: string;
  /** Size of the raw bytes. */
  readonly size: number;
}

/**
 * What the thread that reads members is told: a member, and the file that it is in. The file is open already, and whoever
 * opened it closes it: a thread that is ended closes nothing.
 */
export interface ReadOrder {
  readonly file: number;
  /** For messages. */
  readonly path: string;
  readonly body: PlacedFrame;
}

/** The answers, in the order in which members were asked for. */
export type ReadReport =
  | { readonly kind: "read"; readonly member: ReadFrame }
  | { readonly kind: "failed"; readonly code: string; readonly message: string; readonly hint: string };
