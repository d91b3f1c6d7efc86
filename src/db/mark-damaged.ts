import type { Database } from "./database.ts";

/**
 * Note that under an archive's key there is nothing, or something else: it is neither listed nor merged any more, and can
 * still be looked at.
 */
export async function markDamaged(database: Database, archiveId: string): Promise<void> {
  await database.ask((sql) => sql`update archives set is_damaged = true where id = ${archiveId}`);
}
