// What any merge into a large archive has to do, whatever becomes of its orthos, against folding the union, as JSON:
//   bun scripts/bench/merge-floor.ts FOLD TEXT
// FOLD is the executable. On one thread: read the sentences, index and plan the union, unpack all chunks, and pack, hash and
// write as many. What is left of a goal is for carrying the orthos over and for finding new ones.
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256 } from "../../src/archive/manifest.ts";
import { Archive } from "../../src/archive/reader.ts";
import { compressFrame } from "../../src/archive/zstd.ts";
import { PhraseIndex } from "../../src/core/phrase-index.ts";
import { planTasks } from "../../src/core/plan.ts";

const [fold, text] = Bun.argv.slice(2);
if (text === undefined) {
  console.error("usage: bun scripts/bench/merge-floor.ts FOLD TEXT");
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), "fold-floor-"));
const times_ms: Record<string, number> = {};

async function timed<T>(what: string, act: () => T | Promise<T>): Promise<T> {
  const started = performance.now();
  const result = await act();
  times_ms[what] = Math.round(performance.now() - started);
  return result;
}

async function unpacked(archive: Archive): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const [, bytes] of archive.members(archive.manifest.chunks)) chunks.push(bytes.slice());
  return chunks;
}

try {
  const command = [fold, "run", text, "--threads", "1", "--max-dims", "2", "--quiet", "--json", "--out", folder];
  const { archive: path, elapsed_ms } = JSON.parse(await Bun.spawn(command, { stderr: "inherit" }).stdout.text());
  const archive = await Archive.open(path);
  const corpus = await timed("read the sentences", () => archive.corpus());
  const index = await timed("index", () => PhraseIndex.build(corpus));
  await timed("plan", () => planTasks(index, corpus.words, 2));
  const chunks = await timed("unpack", () => unpacked(archive));
  const frames = await timed("pack", () => chunks.map(compressFrame));
  await timed("hash", () => {
    const tar = new Bun.CryptoHasher("sha256");
    for (const chunk of chunks) {
      tar.update(chunk);
      sha256(chunk);
      Bun.hash.crc32(chunk);
    }
  });
  await timed("write", () => {
    const file = openSync(join(folder, "frames"), "w");
    for (const frame of frames) writeSync(file, frame);
    fsyncSync(file);
    closeSync(file);
  });
  archive.close();
  const floor_ms = Object.values(times_ms).reduce((sum, one) => sum + one, 0);
  const unpacked_bytes = chunks.reduce((sum, { length }) => sum + length, 0);
  const figures = { fold_ms: Math.round(elapsed_ms), floor_ms, share: floor_ms / elapsed_ms, unpacked_bytes, times_ms };
  console.log(JSON.stringify(figures, null, 1));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
