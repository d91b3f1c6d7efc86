// How much of an archive a little new text leaves as it was, however small its chunks are, as JSON:
//   bun scripts/bench/unchanged.ts FOLD TEXT [SHARE]
// FOLD is the executable. Of the orthos of TEXT in two dimensions, these are in groups that were the same without about a
// SHARE (0.01) of it, whole paragraphs from its middle on: groups of one origin word, of an origin and the word beside
// it, and of those and the word below. A chunk that holds more than one group changes more often, never less.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";

const [fold, file, share = "0.01"] = Bun.argv.slice(2);
if (file === undefined) {
  console.error("usage: bun scripts/bench/unchanged.ts FOLD TEXT [SHARE]");
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), "fold-unchanged-"));

/** The orthos of a text by group: how many there are in each. What was an ortho stays one, so counts tell all. */
async function countGroups(text: string): Promise<Map<string, number>[]> {
  const path = join(folder, "text.txt");
  writeFileSync(path, text);
  const run = Bun.spawn([fold, "run", path, "--max-dims", "2", "--fresh", "--quiet", "--out", folder], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  if ((await run.exited) !== 0) throw new Error(`fold run ended with ${run.exitCode}`);
  const groups = [new Map<string, number>(), new Map<string, number>(), new Map<string, number>()];
  const orthos = Bun.spawn([fold, "export", join(folder, "text.tar.zst")], { stdout: "pipe", stderr: "inherit" });
  for await (const line of createInterface({ input: Readable.fromWeb(orthos.stdout as never) })) {
    const [shape, cells] = line.split("\t");
    const words = cells.split(" ");
    const across = Number(shape.split("x")[1]);
    const names = [words[0], `${words[0]} ${words[1]}`, `${words[0]} ${words[1]} ${words[across]}`];
    for (const [depth, name] of names.entries()) groups[depth].set(name, (groups[depth].get(name) ?? 0) + 1);
  }
  if ((await orthos.exited) !== 0) throw new Error(`fold export ended with ${orthos.exitCode}`);
  return groups;
}

try {
  const text = await Bun.file(file).text();
  const from = text.indexOf("\n\n", text.length / 2);
  const to = text.indexOf("\n\n", from + text.length * Number(share));
  const before = await countGroups(text.slice(0, from) + text.slice(to));
  const after = await countGroups(text);
  const sum = (counts: Iterable<number>) => [...counts].reduce((total, count) => total + count, 0);
  const [orthos, earlier] = [sum(after[0].values()), sum(before[0].values())];
  const grouped = ["origin", "origin and beside", "origin, beside and below"].map((by, depth) => {
    const same = [...after[depth]].filter(([name, count]) => before[depth].get(name) === count);
    return {
      by,
      orthos_a_group: orthos / after[depth].size,
      unchanged: sum(same.map(([, count]) => count)) / orthos,
    };
  });
  console.log(JSON.stringify({ orthos, fresh: (orthos - earlier) / orthos, grouped }, null, 1));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
