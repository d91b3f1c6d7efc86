// How fast the object store is, as JSON:
//   bun scripts/bench/store.ts FOLD BOOK [MEGABYTES]
// FOLD is the executable, BOOK a text of some hundred kilobytes. Adds and verifies an archive of so many megabytes
// (1000 unless said) in turn with `sha256sum` and `cp` of the same file, collects 100,000 objects, and keeps 20 versions of
// a text that grows by a twentieth each time. Needs eight times the archive's size in the folder for temporary files: nothing is
// removed between the runs, as file systems without a journal make new files slowly for minutes after that.
import { mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { sha256 } from "../../src/archive/manifest.ts";
import { Archive } from "../../src/archive/reader.ts";
import { ArchiveWriter } from "../../src/archive/writer.ts";
import { compressFrame } from "../../src/archive/zstd.ts";
import { encodeReference, type Member, sealReference } from "../../src/store/reference.ts";

const [program, text, megabytes = "1000"] = Bun.argv.slice(2);
if (text === undefined) {
  console.error("usage: bun scripts/bench/store.ts FOLD BOOK [MEGABYTES]");
  process.exit(2);
}
const [fold, book] = [resolve(program), resolve(text)];
const RUNS = 3;
const VERSIONS = 20;
const GROWTH = 1.05;
const MANY = 100_000;
const folder = mkdtempSync(join(tmpdir(), "fold-store-"));

interface Run {
  readonly elapsed_ms: number;
  readonly peak_rss_bytes: number;
  readonly stdout: string;
}

async function run(...command: string[]): Promise<Run> {
  const started = performance.now();
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit", cwd: folder });
  const [stdout, exit] = await Promise.all([child.stdout.text(), child.exited]);
  if (exit !== 0) throw new Error(`${command.join(" ")} ended with ${exit}`);
  const peak_rss_bytes = Number(child.resourceUsage()?.maxRSS ?? 0);
  return { elapsed_ms: performance.now() - started, peak_rss_bytes, stdout };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/** An archive of the wanted size: the chunks of a real one again and again, each with a number behind it. */
async function makeLarge(path: string): Promise<void> {
  await run(fold, "run", book, "--out", folder, "--name", "book", "--quiet");
  const archive = await Archive.open(join(folder, "book.tar.zst"));
  const { manifest } = archive;
  const identity = { name: "large", lineage: manifest.lineage, sources: manifest.sources, options: manifest.options };
  const writer = new ArchiveWriter(path, identity, await archive.corpus());
  const wanted_bytes = Number(megabytes) * 1e6;
  const optimal = { dims: [2, 2], words: ["a", "b", "c", "d"] };
  for (let compressed = 0, number = 0; compressed < wanted_bytes; ) {
    for await (const [{ orthos, shapes, start }, bytes] of archive.members(manifest.chunks)) {
      const [origin, second, square] = start;
      const unique = Buffer.concat([bytes, Buffer.from(String(number++))]);
      const frame = compressFrame(unique);
      writer.addChunk({ orthos, shapes, optimal, start: { origin, second, square } }, unique, frame);
      compressed += frame.length;
      if (compressed >= wanted_bytes) break;
    }
  }
  writer.finish();
  archive.close();
}

/** The store against what everybody has, in turn, so that whatever else the machine does slows both. */
async function large(): Promise<object> {
  const path = join(folder, "large.tar.zst");
  await makeLarge(path);
  const ratios = { add: [] as number[], verify: [] as number[] };
  const times = { sha256sum: [] as number[], cp: [] as number[], add: [] as number[], verify: [] as number[] };
  let peak_rss_bytes = 0;
  for (let i = 0; i < RUNS; i++) {
    const state = join(folder, `state-${i}`);
    const sum = await run("sha256sum", path);
    const copy = await run("cp", path, join(folder, `copy-${i}`));
    const add = await run(fold, "store", "add", path, "--state-dir", state);
    const verify = await run(fold, "store", "verify", "--state-dir", state);
    const plain_ms = sum.elapsed_ms + copy.elapsed_ms;
    ratios.add.push(plain_ms / add.elapsed_ms);
    ratios.verify.push(plain_ms / verify.elapsed_ms);
    peak_rss_bytes = Math.max(peak_rss_bytes, add.peak_rss_bytes, verify.peak_rss_bytes);
    for (const [name, one] of Object.entries({ sha256sum: sum, cp: copy, add, verify })) {
      times[name as keyof typeof times].push(Math.round(one.elapsed_ms));
    }
  }
  for (let i = 0; i < RUNS; i++) rmSync(join(folder, `state-${i}`), { recursive: true });
  return {
    archive_bytes: statSync(path).size,
    times_ms: times,
    add_speed_against_sha256sum_and_cp: median(ratios.add),
    verify_speed_against_sha256sum_and_cp: median(ratios.verify),
    peak_rss_bytes,
  };
}

/** Half of the objects belong to a folder that is still there, half to one that was removed. */
async function garbage(): Promise<object> {
  const state = join(folder, "many");
  const objects = join(state, "objects");
  const members: object[] = [];
  const long_ago = new Date(Date.now() - 7 * 86_400_000);
  for (let i = 0; i < MANY; i++) {
    const content = `object ${i}`;
    const object = sha256(new TextEncoder().encode(content));
    const place = join(objects, object.slice(0, 2), object);
    mkdirSync(join(objects, object.slice(0, 2)), { recursive: true });
    writeFileSync(place, content);
    utimesSync(place, long_ago, long_ago);
    const size = content.length;
    if (i % 2 === 0)
      members.push({ type: "file", path: `${i}`, mode: "0644", size, sha256: object, object, stored: size });
  }
  const reference = sealReference({
    fold_archive: 1,
    name: "half",
    kind: "folder",
    members: members as Member[],
    frame: null,
  });
  mkdirSync(join(state, "archives"));
  writeFileSync(join(state, "archives/half.json"), encodeReference(reference));
  const dry = await run(fold, "store", "gc", "--dry-run", "--state-dir", state);
  const collect = await run(fold, "store", "gc", "--json", "--state-dir", state);
  const { deleted } = JSON.parse(collect.stdout) as { deleted: number };
  return { objects: MANY, deleted, dry_run_ms: Math.round(dry.elapsed_ms), collect_ms: Math.round(collect.elapsed_ms) };
}

/** A text that grows, its archives as objects and as files; then the shards of the last one. */
async function versions(): Promise<object> {
  const state = join(folder, "versions");
  const paragraphs = (await Bun.file(book).text()).split("\n\n");
  let file_bytes = 0;
  const add = async (name: string, ...options: string[]) => {
    const out = join(folder, "out");
    await run(fold, "run", join(folder, "text.txt"), "--out", out, "--name", name, "--quiet", ...options);
    const archives = [...new Bun.Glob("*.tar.zst").scanSync(out)].map((file) => join(out, file));
    for (const archive of archives) {
      file_bytes += statSync(archive).size;
      await run(fold, "store", "add", archive, "--state-dir", state);
    }
    rmSync(out, { recursive: true });
  };
  const stats = async () => {
    const { object_bytes, saved, shared } = JSON.parse(
      (await run(fold, "store", "stats", "--json", "--state-dir", state)).stdout,
    );
    return { file_bytes, object_bytes, shared, saved };
  };
  for (let i = 1; i <= VERSIONS; i++) {
    const share = GROWTH ** (i - VERSIONS);
    writeFileSync(join(folder, "text.txt"), paragraphs.slice(0, Math.round(paragraphs.length * share)).join("\n\n"));
    await add(`version-${i}`);
  }
  const grown = await stats();
  for (let i = 1; i <= 8; i++) await add(`part-${i}`, "--shard", `${i}/8`);
  return { twenty_versions: grown, and_eight_shards_of_the_last: await stats() };
}

try {
  const figures = { large: await large(), garbage: await garbage(), versions: await versions() };
  console.log(JSON.stringify(figures, null, 2));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
