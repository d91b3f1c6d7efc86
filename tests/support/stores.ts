// Stores on the disk, and what to look at in them.
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../../src/archive/manifest.ts";
import { ArchiveWriter } from "../../src/archive/writer.ts";
import { corpusOfText } from "../../src/core/corpus.ts";
import { Files } from "../../src/store/files.ts";
import { Store } from "../../src/store/store.ts";

/** Everything below a folder: for each path its kind, its permissions and its content. */
export function treeOf(folder: string): Record<string, string> {
  const tree: Record<string, string> = {};
  for (const path of (readdirSync(folder, { recursive: true }) as string[]).sort()) {
    const place = join(folder, path);
    const stat = lstatSync(place);
    const mode = (stat.mode & 0o777).toString(8);
    if (stat.isSymbolicLink()) tree[path] = `-> ${readlinkSync(place)}`;
    else if (stat.isDirectory()) tree[path] = `folder ${mode}`;
    else tree[path] = `${mode} ${sha256(readFileSync(place))}`;
  }
  return tree;
}

/** The files below objects/ that are objects, by name. */
export function objectFiles(store: Store): Map<string, string> {
  const files = new Map<string, string>();
  if (!existsSync(store.objects.folder)) return files;
  for (const folder of readdirSync(store.objects.folder).filter((name) => name.length === 2)) {
    const place = join(store.objects.folder, folder);
    for (const name of readdirSync(place)) files.set(name, join(place, name));
  }
  return files;
}

/** What is below objects/ and is no object: adds that did not end, trash, what was damaged. */
export function leftovers(store: Store): string[] {
  if (!existsSync(store.objects.folder)) return [];
  const below = readdirSync(store.objects.folder, { recursive: true }) as string[];
  return below.filter((path) => path.startsWith(".") && statSync(join(store.objects.folder, path)).isFile());
}

/** Make all objects and journals look as if they had been there for a time. */
export function age(store: Store, hours: number): void {
  const then = new Date(Date.now() - hours * 3_600_000);
  for (const path of objectFiles(store).values()) utimesSync(path, then, then);
  const adding = readdirSync(store.objects.folder).includes(".adding") ? readdirSync(store.objects.addingFolder) : [];
  for (const token of adding) {
    const folder = join(store.objects.addingFolder, token);
    for (const name of readdirSync(folder)) utimesSync(join(folder, name), then, then);
    utimesSync(folder, then, then);
  }
}

/**
 * A store whose operation number `failing` on the disk throws; counted from 1.
 *
 * @param isEnd so do all after it, as if the process had ended there
 */
export function failingStore(stateDir: string, failing: number, isEnd: boolean, code = "EIO") {
  let calls = 0;
  const files = new Files((operation, path) => {
    if (++calls !== failing && !(isEnd && calls > failing)) return;
    throw Object.assign(new Error(`${operation} ${path}: planted`), { code });
  });
  return { store: new Store(stateDir, files), calls: () => calls };
}

/** An archive of fold's own with so many chunks that an add reads it on a thread of its own. What they say is nothing. */
export function writeLongArchive(path: string, chunks = 20): Uint8Array {
  const options = { max_dims: 2, min_volume: 1, shard: null };
  const { corpus } = corpusOfText("call me ishmael.");
  const writer = new ArchiveWriter(path, { name: "long", lineage: '"long"', sources: [], options }, corpus);
  const start = { origin: "call", second: "me", square: 0 };
  const optimal = { dims: [2, 2], words: ["call", "me", "me", "ishmael"] };
  for (let i = 0; i < chunks; i++) {
    // Hashes: zstd makes nothing of them, so the archive is large enough to be kept member by member.
    const hashes = Array.from({ length: 256 }, (_, j) => Buffer.from(sha256(new Uint8Array([i, j])), "hex"));
    const bytes = Buffer.concat(hashes);
    writer.addChunk({ orthos: 1, shapes: { "2x2": 1 }, start, optimal }, bytes);
  }
  writer.finish();
  return readFileSync(path);
}
