// What archives share is stored once: all of it in shards and in merges of the same sentences, and in a text that grew the
// chunks that did not change. (Of natural prose, a twentieth more changes nearly all chunks: scripts/bench/store.ts measures that.)
import { expect, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { breathe } from "../../src/store/files.ts";
import { statsOf } from "../../src/store/stats.ts";
import { Store } from "../../src/store/store.ts";
import { foldText } from "../support/folds.ts";
import { randomNumbers } from "../support/random.ts";
import { objectFiles } from "../support/stores.ts";
import { memoryFolder } from "../support/temporary.ts";

const folder = memoryFolder();
const options = { max_dims: 2, min_volume: 1, shard: null };

/** A text whose words follow each other as chance has it: numbers below 1, from a seed. */
function madeUp(seed: number, sentences: number, prefix: string): string {
  const random = randomNumbers(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const word = () =>
    `${prefix}${below(2) === 0 ? below(40) : below(4000)}`.replace(/\d/g, (d) => "abcdefghij"[Number(d)]);
  return Array.from({ length: sentences }, () => `${Array.from({ length: 8 }, word).join(" ")}.`).join("\n");
}

const text = madeUp(1, 1500, "x");
// Words that come before all others: no number of a word stands in a chunk.
const grown = `${text}\n\n${madeUp(2, 75, "m")}`;

async function folded(name: string, content: string, changes: object = {}): Promise<string> {
  const archive = join(folder, `${name}.tar.zst`);
  await foldText(content, { archive, name, options: { ...options, ...changes } });
  return archive;
}

const whole = await folded("whole", text);

test("a text that grew by a twentieth in other words shares nine chunks of ten", async () => {
  const store = new Store(join(folder, "grown"));
  const before = await store.add(whole, "whole");
  const after = await store.add(await folded("grown", grown), "grown");
  const chunks = before.reference.members.filter(({ path }) => path.startsWith("results/"));
  expect(chunks.length).toBeGreaterThan(5);
  const objects = new Set(after.reference.members.map((member) => (member.type === "file" ? member.object : "")));
  const shared = chunks.filter((chunk) => chunk.type === "file" && objects.has(chunk.object));
  // Where new words come in between, a chunk goes on to another border.
  expect(shared.length).toBeGreaterThanOrEqual(Math.floor(0.9 * chunks.length));
  expect(statsOf(store).saved).toBeGreaterThan(0.3);
});

test("shards and their union share all chunks; the same sentences under another name, too", async () => {
  const store = new Store(join(folder, "shards"));
  const { new_bytes } = await store.add(whole, "whole");
  for (const number of [1, 2, 3]) {
    const shard = await folded(`shard-${number}`, text, { shard: { number, of: 3 } });
    const added = await store.add(shard, `shard-${number}`);
    // Its manifest, what stands between its members, its best ortho, and the reference.
    expect(added.new_objects).toBeLessThanOrEqual(4);
  }
  const other = await store.add(await folded("other", text), "other");
  expect(other.new_objects).toBe(3);
  expect(other.new_bytes).toBeLessThan(new_bytes / 5);
  for (const name of store.names()) {
    const out = join(folder, `${name}.out`);
    await store.find(name).restore(out, breathe);
    expect(readFileSync(out).equals(readFileSync(join(folder, `${name}.tar.zst`)))).toBe(true);
  }
});

test("thousands of entries: each stored once, listed, and collected", async () => {
  const store = new Store(join(folder, "many"));
  const COUNT = 2000;
  for (let i = 0; i < COUNT; i++) {
    const path = join(folder, "entry");
    await Bun.write(path, `content ${i % 50}`);
    await store.add(path, `sub-${i % 7}/entry ${i}`);
  }
  expect(store.names().length).toBe(COUNT);
  expect(objectFiles(store).size).toBe(COUNT + 50);
  expect(statsOf(store)).toMatchObject({ archives: COUNT, shared: 50 });
  for (const name of store.names()) store.remove(name);
  expect(await store.collect({ grace_ms: 0, isDry: false })).toMatchObject({ deleted: COUNT + 50 });
  expect(statSync(store.objects.folder).isDirectory()).toBe(true);
});
