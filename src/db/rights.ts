import type { Database } from "./database.ts";

/** What a role may do with the rows of a table. */
export type RowDeed = "select" | "insert" | "update" | "delete";

/** Per table, what `fold worker`, `submit` and `status` do with its rows: what scripts/database-roles.sql grants. */
export const neededRights = {
  jobs: ["select", "insert", "update"],
  job_locks: ["select", "insert", "update", "delete"],
  processing_runs: ["select", "insert", "update"],
  archives: ["select", "insert", "update"],
  fleet: ["select"],
  fold_migrations: ["select"],
} as const satisfies Readonly<Record<string, readonly RowDeed[]>>;

/** What the role at the other end may do. */
export interface Rights {
  /** By table: what may be done with its rows; null for one that is not there. */
  readonly tables: Readonly<Record<string, readonly RowDeed[] | null>>;
  /** Whether it may take places in the queue: numbers of jobs_position_seq. */
  readonly may_queue: boolean;
  /** Whether it may call claim_job, where that is there: migrations tell when it is not. */
  readonly may_claim: boolean;
  /** Whether it may make tables where fold's are. */
  readonly may_create: boolean;
}

interface Row {
  readonly name: string;
  readonly is_there: boolean;
  readonly may_select: boolean;
  readonly may_insert: boolean;
  readonly may_update: boolean;
  readonly may_delete: boolean;
  readonly may_queue: boolean;
  readonly may_claim: boolean;
  readonly may_create: boolean;
}

const CLAIM_JOB = "claim_job(text, uuid, uuid, bigint, bigint, boolean, text, text)";

/** What the role at the other end may do with fold's tables. */
export async function rightsOf(database: Database): Promise<Rights> {
  const names = Object.keys(neededRights).join(",");
  const rows = await database.ask(
    (sql) => sql<Row[]>`
      select name, to_regclass(name) is not null as is_there,
        coalesce(has_table_privilege(to_regclass(name), 'select'), false) as may_select,
        coalesce(has_table_privilege(to_regclass(name), 'insert'), false) as may_insert,
        coalesce(has_table_privilege(to_regclass(name), 'update'), false) as may_update,
        coalesce(has_table_privilege(to_regclass(name), 'delete'), false) as may_delete,
        coalesce(has_sequence_privilege(to_regclass('jobs_position_seq'), 'usage'), false) as may_queue,
        coalesce(has_function_privilege(to_regprocedure(${CLAIM_JOB}), 'execute'), true) as may_claim,
        coalesce(has_schema_privilege(current_schema(), 'create'), false) as may_create
      from unnest(string_to_array(${names}, ',')) as name`,
  );
  const tables = Object.fromEntries(rows.map((row) => [row.name, row.is_there ? deedsOf(row) : null]));
  const { may_queue, may_claim, may_create } = rows[0];
  return { tables, may_queue, may_claim, may_create };
}

function deedsOf({ may_select, may_insert, may_update, may_delete }: Row): RowDeed[] {
  const may = { select: may_select, insert: may_insert, update: may_update, delete: may_delete };
  return (Object.keys(may) as RowDeed[]).filter((deed) => may[deed]);
}
