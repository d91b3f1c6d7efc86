// Small texts in Spaces, folded by workers without coordination, and what `fold collect` makes of them.
import { join } from "node:path";
import { Cache } from "../../src/s3/cache.ts";
import { describeArchive } from "../../src/storage/describe-archive.ts";
import { newArchiveKey } from "../../src/storage/spaces/keys.ts";
import { ResultArchives } from "../../src/storage/spaces/result-archives.ts";
import { writeTinyArchive } from "../storage/place.ts";
import { type Alone, linesOf, type Told } from "./alone.ts";
import { report } from "./binary.ts";

/** What is folded: some words in common, and some of its own. */
export const texts = {
  a: "the cat sat on the mat. a cat sat on a mat.\n",
  b: "the dog sat on the log. a dog sat on a log.\n",
  c: "the hen ate of the corn. a hen ate of a corn.\n",
} as const;

type Name = keyof typeof texts;

/** Collections of the archives of some buckets. */
export class Collections {
  constructor(private readonly alone: Alone) {}

  /** What folding the texts together gives. */
  async union(names: readonly Name[]) {
    const folder = join(this.alone.folder, `union-${names.join("")}`);
    const paths = names.map((name) => join(folder, `${name}.txt`));
    await Promise.all(names.map((name, i) => Bun.write(paths[i]!, texts[name])));
    return await report(["run", ...paths, "--merge", "--out", folder]);
  }

  /** Put texts into their bucket, and have each folded by a worker. */
  async upload(...names: readonly Name[]): Promise<void> {
    for (const name of names) {
      await this.alone.put(`${name}.txt`, texts[name]);
      await this.alone.fold("worker", `${name}.txt`);
    }
  }

  /** Put the archive of a text without orthos into its bucket: more than a megabyte of words that nothing compresses. */
  async putLarge(name: string): Promise<void> {
    const file = join(this.alone.folder, `${name}.tar.zst`);
    const hash = (of: string) => new Bun.CryptoHasher("sha512").update(of).digest("hex");
    const letters = (of: string) => hash(of).replace(/\d/g, (digit) => "ghijklmnop"[Number(digit)]!);
    const words = Array.from({ length: 20_000 }, (_, i) => letters(`${name} ${i}`));
    writeTinyArchive(file, name, JSON.stringify(name), `${words.join(".\n")}.\n`);
    const archives = new ResultArchives(this.alone.results, new Cache(this.alone.machine("seen"), 0));
    const text = { input: `${name}.txt`, input_sha256: hash(name).slice(0, 64) };
    await archives.put(newArchiveKey(name, new Date()), file, await describeArchive(file), text);
  }

  /** Collect with --json: the exit code, what became of each archive, and the end. */
  collect(...args: readonly string[]) {
    return this.collectOn("collector", ...args);
  }

  /** The same on a machine that may have seen none of the archives yet. */
  async collectOn(machine: string, ...args: readonly string[]) {
    const env = { LOCAL_CACHE_DIR: this.alone.machine(machine) };
    const ended = await this.alone.collect([...args, "--json"], { env });
    const lines = linesOf(ended);
    const archives = lines.filter(({ event }) => event === "archive");
    const fates = archives.map(({ key, fate }) => `${String(key).replace(/_.*/, "")} ${fate}`);
    const end = lines.find(({ event }) => event === "end") as Told & { readonly merged: Told };
    return { exit: ended.exit, stderr: ended.stderr, archives, fates, end };
  }
}
