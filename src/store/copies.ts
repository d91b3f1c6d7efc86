import { FoldError } from "../errors.ts";
import type { Pause } from "./files.ts";
import { decodeReference, MAX_REFERENCE_BYTES, type Reference } from "./reference.ts";
import type { Store } from "./store.ts";

/** A reference as it was found among the objects, where each is one, too. */
export interface Copy {
  readonly object: string;
  /** It has the name that the archive had when it was added: a job's may have got a number since. */
  readonly reference: Reference;
  readonly modified_ms: number;
}

/** The copies of references in a store, collected while its objects are read. */
export class Copies {
  private readonly found = new Map<string, Copy>();

  constructor(private readonly store: Store) {}

  /** Keep what an object holds, should it be a reference. */
  keep(object: string, bytes: Uint8Array, modified_ms: number): void {
    try {
      const reference = decodeReference(bytes, object);
      this.store.fileOf(reference.name);
      this.found.set(object, { object, reference, modified_ms });
    } catch (error) {
      // Somebody's file that begins like one, or lies about its name.
      if (!(error instanceof FoldError)) throw error;
    }
  }

  /** Find those that a sample has left out: from what it did not read nothing is lost. */
  async readRest(pause: Pause): Promise<void> {
    const { objects } = this.store;
    // What cannot be read was told by whoever read the sample.
    for (const { object, size, modified_ms } of objects.list({ onUnreadable: () => {} })) {
      if (this.found.has(object) || size > MAX_REFERENCE_BYTES) continue;
      await pause();
      try {
        const [start] = objects.open(object);
        if (isReferenceStart(start)) this.keep(object, objects.get(object), modified_ms);
      } catch (error) {
        // A sample tells nothing of what it has left out.
        if (!(error instanceof FoldError)) throw error;
      }
    }
  }

  /** All but those of references that stand, the newest first. */
  without(standing: ReadonlySet<string>): Copy[] {
    const others = [...this.found.values()].filter(({ object }) => !standing.has(object));
    return others.sort((a, b) => b.modified_ms - a.modified_ms);
  }
}

/** What the file of a reference begins with. */
const REFERENCE_START = Buffer.from('{\n "fold_archive": ');

/** Whether the first piece of an object may be that of a reference; an empty object has none. */
export function isReferenceStart(piece: Uint8Array | undefined): boolean {
  return piece !== undefined && REFERENCE_START.equals(piece.subarray(0, REFERENCE_START.length));
}
