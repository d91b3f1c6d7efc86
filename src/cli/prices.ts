import { readFileSync, statSync } from "node:fs";
import { FoldError, fromSystemError } from "../errors.ts";
import known from "./droplet-prices.json" with { type: "json" };

/** A size of droplet, as `doctl compute size list --output json` tells of it. */
export interface DropletSize {
  readonly slug: string;
  readonly vcpus: number;
  /** In MB of 1024 kB of 1024 bytes. */
  readonly memory: number;
  /** In GB. */
  readonly disk: number;
  /** US dollars. */
  readonly price_hourly: number;
}

/** What sizes cost, and who says so. */
export interface PriceTable {
  readonly source: string;
  /** When the prices were so. */
  readonly date: string;
  readonly sizes: readonly DropletSize[];
}

/**
 * The prices of droplets.
 *
 * @param path a file like src/cli/droplet-prices.json, or what `doctl compute size list --output json` prints; null for
 * the prices that the program knows
 * @throws FoldError `not_found`, `unreadable`, or `usage` for a file that is no price table
 */
export function readPrices(path: string | null): PriceTable {
  if (path === null) return known;
  let text: string;
  let changed: Date;
  try {
    text = readFileSync(path, "utf8");
    changed = statSync(path).mtime;
  } catch (error) {
    throw fromSystemError(error, "read the prices", path);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw noTable(path, "it is no JSON", error);
  }
  const table = Array.isArray(value) ? { sizes: value } : ((value ?? {}) as Record<string, unknown>);
  if (!Array.isArray(table.sizes)) throw noTable(path, "it has no list of sizes");
  const sizes = table.sizes.filter((size) => size?.available !== false).map((size) => checkedSize(size, path));
  if (sizes.length === 0) throw noTable(path, "no size in it is available");
  const { source, date } = table as { source?: unknown; date?: unknown };
  return {
    source: typeof source === "string" ? source : path,
    date: typeof date === "string" ? date : changed.toISOString().slice(0, 10),
    sizes,
  };
}

function checkedSize(value: unknown, path: string): DropletSize {
  const size = (value ?? {}) as Record<string, unknown>;
  const { slug } = size;
  if (typeof slug !== "string" || !/^[\w.-]{1,100}$/.test(slug)) throw noTable(path, "a size in it has no slug");
  const number = (key: "vcpus" | "memory" | "disk" | "price_hourly") => {
    const found = size[key];
    if (typeof found === "number" && Number.isFinite(found) && found > 0) return found;
    throw noTable(path, `the ${key} of ${slug} is no number above 0`);
  };
  return {
    slug,
    vcpus: Math.floor(Math.max(1, number("vcpus"))),
    memory: number("memory"),
    disk: number("disk"),
    price_hourly: number("price_hourly"),
  };
}

function noTable(path: string, reason: string, cause?: unknown): FoldError {
  const hint = "give what `doctl compute size list --output json` prints";
  return new FoldError("usage", `${path} is no price table: ${reason}`, hint, cause);
}
