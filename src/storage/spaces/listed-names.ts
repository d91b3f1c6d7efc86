import type { ArchiveEntry } from "../port.ts";
import type { ArchiveObject } from "./result-archives.ts";

/**
 * Archives as they are listed, by name: equal ones once, and another one of the same name with a number. Who came first
 * is told by the keys, so everybody finds the same numbers.
 */
export function listNamed(objects: readonly ArchiveObject[]): ArchiveEntry[] {
  const entries = new Map<string, ArchiveEntry>();
  const contents = new Set<string>();
  for (const { facts, size_bytes } of objects) {
    const { name, orthos, lineage, options, sentences_bytes, tar_sha256 } = facts;
    const content = `${tar_sha256} ${name}`;
    if (contents.has(content)) continue;
    contents.add(content);
    const free = freeName(name, entries);
    entries.set(free, { name: free, orthos, lineage, options, size_bytes, sentences_bytes, tar_sha256 });
  }
  return [...entries.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function freeName(name: string, taken: ReadonlyMap<string, unknown>): string {
  for (let number = 1; ; number++) {
    const free = number === 1 ? name : `${name}.${number}`;
    if (!taken.has(free)) return free;
  }
}
