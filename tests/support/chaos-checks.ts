// What must be true of a fleet when all its work is done, whatever has happened before.
import { join } from "node:path";
import type { FoldReport } from "../../src/cli/report.ts";
import type { Fleet } from "./fleet.ts";
import { keysOf } from "./spaces.ts";

/** What the same texts come to, folded in one go on this machine. */
export interface Expected {
  /** All texts in one archive. */
  readonly whole: FoldReport;
  /** The text that was shared among several jobs. */
  readonly book: FoldReport;
}

/** What is wrong; nothing, where all is well. */
export interface FleetChecks {
  /** Jobs that are not completed, or not just once. */
  readonly wrongJobs: readonly string[];
  /** Archives that are missing, damaged or not equal to those of this machine. */
  readonly wrongArchives: readonly string[];
  /** Objects that no row names, after `fold gc`. */
  readonly orphans: readonly string[];
  readonly jobs: number;
}

interface ArchiveNow {
  readonly name: string;
  readonly s3_key: string;
  readonly tar_sha256: string;
}

/** Look at tables and buckets. */
export async function checkFleet(fleet: Fleet, expected: Expected): Promise<FleetChecks> {
  const jobs = await fleet.sql<{ id: string; status: string; completed: number; open: number }>(`
    select j.id, j.status, count(*) filter (where r.outcome = 'completed')::int as completed,
      count(*) filter (where r.completed_at is null)::int as open
    from jobs j left join processing_runs r on r.job_id = j.id
    -- A merge that was put aside, and whose archives went into another one, is over.
    where j.error_code is distinct from 'obsolete' group by j.id`);
  const wrongJobs = jobs
    .filter(({ status, completed, open }) => status !== "completed" || completed !== 1 || open !== 0)
    .map(
      ({ id, status, completed, open }) => `${id} is ${status}: completed ${completed} times, ${open} attempts open`,
    );
  const locks = await fleet.sql<{ job_id: string }>("select job_id from job_locks");
  wrongJobs.push(...locks.map(({ job_id }) => `${job_id} is leased`));
  // What gc goes by are whole seconds.
  await Bun.sleep(1_100);
  await fleet.must(["gc", "--grace", "0s"]);
  const archives = await fleet.sql<ArchiveNow>("select name, s3_key, tar_sha256 from archives where not is_deleted");
  const keys = new Set(archives.map(({ s3_key }) => s3_key));
  const orphans = [
    ...(await keysOf(fleet.buckets.results)).filter((key) => !keys.has(key)),
    ...(await keysOf(fleet.buckets.temp)),
  ];
  return { wrongJobs, wrongArchives: await wrongOf(fleet, archives, expected), orphans, jobs: jobs.length };
}

/** Two archives are left: one of all texts, and the shared one. Each is downloaded and compared. */
async function wrongOf(fleet: Fleet, archives: readonly ArchiveNow[], { whole, book }: Expected) {
  const wrong: string[] = [];
  const contents: (string | null)[] = [];
  for (const [number, { name, tar_sha256 }] of archives.entries()) {
    const path = join(fleet.folder, `got-${number}.tar.zst`);
    const got = await fleet.call(["get", name, "--out", path]);
    const verified = got.exit === 0 ? await fleet.call(["verify", path]) : got;
    if (verified.exit !== 0) wrong.push(`${name}: ${verified.stderr}`);
    const shown = JSON.parse((await fleet.call(["show", path, "--json"])).stdout || "{}") as Partial<FoldReport>;
    contents.push(shown.content_sha256 ?? null);
    if (name === "ships-log.max-dims-3" && tar_sha256 !== book.tar_sha256) wrong.push(`${name} is not the local one`);
  }
  const [found, awaited] = [contents, [whole.content_sha256, book.content_sha256]].map((list) =>
    [...list].sort().join(),
  );
  if (found !== awaited)
    wrong.push(`the archives are ${archives.map(({ name }) => name).join(", ")}: not what was expected`);
  return wrong;
}
