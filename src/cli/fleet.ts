// How many droplets of which size fold a text in a wanted time, and what they cost.
import { FoldError } from "../errors.ts";
import { budgetOf, need_bytes, threadsThatFit } from "../jobs/memory.ts";
import { version } from "../version.ts";
import type { DropletSize, PriceTable } from "./prices.ts";
import { formatBytes, formatCounted, formatDuration, formatTable } from "./text.ts";

const HOUR_MS = 3_600_000;
/** From the order to the first claim: the droplet starts, installs, downloads. A guess, on the safe side. */
const START_MS = 120_000;
/** An archive makes a fold so much longer, and a second thread is worth so much of the first: README, "How fast". */
const WITH_ARCHIVE = 1.4;
const SHARE_OF_A_THREAD = 0.8;
/** The heaviest of the shards against the mean, measured on 8. */
const UNEVEN = 1.1;
/** Shards are joined and uploaded at about this rate. */
const JOINED_BYTES_PER_MS = 50_000;
/** More shards than droplets: one that is lost, or slow, holds up the rest for less. Each prepares the whole text anew. */
const SHARDS_PER_DROPLET = 4;
const MOST_SHARE_OF_PREPARING = 0.05;
/** scripts/spawn_workers.sh starts no more. */
const MOST_DROPLETS = 100;
/** Droplets are paid by the second, but none costs less. */
const LEAST_DOLLARS = 0.01;
/** The system, the program, a cache of texts. */
const DISK_FOR_OTHERS_GB = 8;

/** What there is to do, as an estimate tells. */
export interface FleetWork {
  readonly text_bytes: number;
  /** Reading a text and making its index, which every shard does. */
  readonly prepare_ms: number;
  /** The walk on one thread of this machine. */
  readonly walk_ms: number;
  readonly archive_bytes: number;
}

/** A fleet for a text. */
export interface FleetPlan {
  readonly droplets: number;
  readonly size: string;
  readonly vcpus: number;
  /** Threads that the memory lets a worker use. */
  readonly threads: number;
  readonly shards: number;
  readonly need_bytes: number;
  /** What a worker takes of a droplet's memory. */
  readonly budget_bytes: number;
  readonly elapsed_ms: number;
  /** How long each droplet is paid for, if it is removed as soon as all is done. */
  readonly hours: number;
  readonly dollars: number;
  readonly price_hourly: number;
  readonly is_in_time: boolean;
}

/**
 * The cheapest fleet that is done in time; where none is, the fastest.
 *
 * @param wanted_ms the time that it may take
 * @throws FoldError `failed` where no size has enough memory and disk
 */
export function planFleet(work: FleetWork, { sizes }: PriceTable, wanted_ms: number): FleetPlan {
  const plans = sizes.flatMap((size) => planWith(size, work, wanted_ms) ?? []);
  const inTime = plans.filter((plan) => plan.is_in_time);
  const [best] =
    inTime.length > 0
      ? inTime.sort((a, b) => a.dollars - b.dollars || a.elapsed_ms - b.elapsed_ms || a.droplets - b.droplets)
      : plans.sort((a, b) => a.elapsed_ms - b.elapsed_ms || a.dollars - b.dollars);
  if (best !== undefined) return best;
  const memory = formatBytes(need_bytes(work.text_bytes, 1));
  throw new FoldError(
    "failed",
    `no size of droplet holds this text: it needs ${memory} of memory and ${formatBytes(2 * work.archive_bytes)} of disk`,
    "give larger sizes with --prices, or cut the text with `fold stage`",
  );
}

function planWith(size: DropletSize, work: FleetWork, wanted_ms: number): FleetPlan | null {
  const budget_bytes = budgetOf(size.memory * 1024 * 1024);
  const threads = threadsThatFit(work.text_bytes, size.vcpus, budget_bytes);
  const needed = need_bytes(work.text_bytes, threads);
  // Whoever joins the shards has them and the whole on its disk.
  const isRoomy = (size.disk - DISK_FOR_OTHERS_GB) * 1e9 > 2 * work.archive_bytes;
  if (needed > budget_bytes || !isRoomy) return null;
  const walk_ms = (work.walk_ms * WITH_ARCHIVE) / (1 + (threads - 1) * SHARE_OF_A_THREAD);
  const timesOf = (droplets: number) => {
    const shards = shardsFor(droplets, walk_ms, work.prepare_ms);
    const own_ms = (shards / droplets) * work.prepare_ms + (walk_ms / droplets) * (droplets > 1 ? UNEVEN : 1);
    const join_ms = shards > 1 ? work.archive_bytes / JOINED_BYTES_PER_MS : 0;
    return { shards, elapsed_ms: START_MS + own_ms + join_ms };
  };
  let droplets = 1;
  while (droplets < MOST_DROPLETS && timesOf(droplets).elapsed_ms > wanted_ms) droplets++;
  const { shards, elapsed_ms } = timesOf(droplets);
  const hours = elapsed_ms / HOUR_MS;
  const cents = droplets * Math.max(LEAST_DOLLARS, hours * size.price_hourly) * 100;
  return {
    droplets,
    size: size.slug,
    vcpus: size.vcpus,
    threads,
    shards,
    need_bytes: needed,
    budget_bytes,
    elapsed_ms: Math.round(elapsed_ms),
    hours: Math.round(hours * 1000) / 1000,
    // Seven times a cent is a little more than seven cents, to a computer.
    dollars: Math.ceil(cents - 1e-6) / 100,
    price_hourly: size.price_hourly,
    is_in_time: elapsed_ms <= wanted_ms,
  };
}

function shardsFor(droplets: number, walk_ms: number, prepare_ms: number): number {
  if (droplets === 1) return 1;
  const most = Math.floor((walk_ms * MOST_SHARE_OF_PREPARING) / Math.max(1, prepare_ms) / droplets);
  return droplets * Math.min(SHARDS_PER_DROPLET, Math.max(1, most));
}

/** A plan for people, with the commands that make it so. */
export function fleetLines(
  plan: FleetPlan,
  { source, date }: Omit<PriceTable, "sizes">,
  path: string,
  program: string,
): string[] {
  const { droplets, size, threads, shards, price_hourly } = plan;
  const late = plan.is_in_time ? "" : `, the fastest that ${MOST_DROPLETS} droplets at most can do`;
  const workers = `${formatCounted(threads, "thread")} on ${formatCounted(plan.vcpus, "vCPU")}`;
  const memory = `about ${formatBytes(plan.need_bytes)} of the ${formatBytes(plan.budget_bytes)} that a worker takes`;
  const duration = formatDuration(plan.elapsed_ms);
  const sum = `${formatCounted(droplets, "droplet")} for ${duration} at $${price_hourly} an hour, at least $${LEAST_DOLLARS} each`;
  const facts = [
    ["fleet", `${formatCounted(droplets, "droplet")} ${size}, each with ${workers}; ${formatCounted(shards, "shard")}`],
    ["memory", memory],
    ["time", `about ${duration}, if a vCPU is as fast as a thread here${late}`],
    ["cost", `about $${plan.dollars.toFixed(2)}: ${sum}`],
    ["prices", `of ${date}: ${source}`],
  ];
  // A path that a shell would take apart is quoted.
  const shown = /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
  const releases = version.releases === null ? "" : ` --releases ${version.releases}`;
  return [
    ...formatTable(facts).map((line) => `  ${line}`),
    "",
    `  ${program} submit ${shown}${shards > 1 ? ` --shards ${shards}` : ""}`,
    `  scripts/spawn_workers.sh --count ${droplets} --size ${size} --env-file worker.env${releases}`,
  ];
}
