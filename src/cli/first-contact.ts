import type { FirstContact } from "../db/contact.ts";
import { openDatabase } from "../db/database.ts";
import { FoldError } from "../errors.ts";
import type { StorageConfig } from "../storage/create-storage.ts";
import type { CommandIo } from "./command.ts";

/** A person waits, and the address may be wrong. */
const PATIENCE_MS = 5_000;

/** How all commands but workers meet a database: they say that they wait for it, and do not wait for long. */
export function firstContact(io: CommandIo): FirstContact {
  return { ...patientContact(io), patience_ms: PATIENCE_MS };
}

function patientContact({ output }: CommandIo): FirstContact {
  return { onWaiting: (what) => output.note(what) };
}

/**
 * Wait until the database of a worker answers, where it has one, and say so: both may be starting up, and nobody may be
 * there to start the worker again. What else is to be known of the database the worker finds out by itself.
 *
 * @throws FoldError `interrupted`, `unreachable`, `refused`
 */
export async function reachDatabase(storage: StorageConfig, io: CommandIo): Promise<void> {
  if (storage.backend !== "cloud") return;
  const { signal } = io;
  const database = await openDatabase({ url: storage.databaseUrl, max: 1, contact: patientContact(io) });
  const leave = () => void database.close();
  signal.addEventListener("abort", leave);
  try {
    await database.ask((sql) => sql`select`);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new FoldError("interrupted", "stopped before the database was reached", "start the worker again", error);
  } finally {
    signal.removeEventListener("abort", leave);
    await database.close();
  }
}
