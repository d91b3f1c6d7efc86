// Bombs: a few hundred kilobytes that would unpack to gigabytes. They cost neither memory nor time. Each is read in a
// process of its own: the peak of one would hide that of the next, and a reader that falls for it is killed.
import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { appendFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeTail } from "../../src/archive/seek-table.ts";
import { compressBound, compressFrame, decompressFrame } from "../../src/archive/zstd.ts";
import { foldErrorOf, foldText } from "../support/folds.ts";
import { readAlone } from "../support/read-alone.ts";
import { headerOf, tarOfArchive, zeroFrame } from "../support/tars.ts";
import { temporaryFolder } from "../support/temporary.ts";

const BOMB = 10 * 2 ** 30;
const MOST_MEMORY_MIB = 300;
/** A start of Bun and little more; whatever unpacks gigabytes takes longer. */
const MOST_CPU_MS = 2000;

const folder = temporaryFolder();
const path = join(folder, "bomb.tar.zst");
await foldText("all the readers. his case of. all his. the case. readers of", { archive: path });
const good = await Bun.file(path).bytes();
const tar = tarOfArchive(good);
const empty = new Uint8Array(0);

/** A zstd frame of plain bytes. */
function frame(...parts: Uint8Array[]): Uint8Array {
  return Bun.zstdCompressSync(Buffer.concat(parts));
}

function withTail(frames: Uint8Array[], contents: number[]): Uint8Array {
  const sizes = frames.map(({ length }, i) => ({ compressed: length, content: contents[i] }));
  return Buffer.concat([...frames, encodeTail(sizes, "0".repeat(64))]);
}

function member(name: string, claimed: number): Uint8Array {
  return headerOf({ path: name, bytes: empty, claimed });
}

const manifestHead = member("manifest.json", 100);
const declarations: [what: string, bytes: Uint8Array][] = [
  ["nothing but zeros", zeroFrame(BOMB, null)],
  ["nothing but zeros, size declared", zeroFrame(BOMB, BOMB)],
  ["nothing but zeros, declared as few", zeroFrame(BOMB, 1000)],
  [
    "a member larger than any of fold's",
    Buffer.concat([frame(member("interner.bin", 2 ** 33 - 1)), zeroFrame(BOMB, null)]),
  ],
  ["a member of the largest size", Buffer.concat([frame(member("interner.bin", 2 ** 30)), zeroFrame(BOMB, null)])],
  ["a manifest of the largest size", Buffer.concat([frame(member("manifest.json", 2 ** 30)), zeroFrame(BOMB, null)])],
  ["zeros behind the end of a good tar", Buffer.concat([frame(tar), zeroFrame(BOMB, null)])],
  ["zeros behind the end of a good archive", Buffer.concat([good, zeroFrame(BOMB, BOMB)])],
  [
    "a table that tells the truth",
    withTail([frame(manifestHead), zeroFrame(BOMB, BOMB), frame(empty)], [512, 2 ** 32 - 1, 0]),
  ],
  ["a table that lies", withTail([frame(manifestHead), zeroFrame(BOMB, BOMB), frame(empty)], [512, 100, 0])],
  ["a table and a frame that lie", withTail([frame(manifestHead), zeroFrame(BOMB, 100), frame(empty)], [512, 100, 0])],
  [
    "a second frame behind an honest one",
    withTail(
      [frame(manifestHead), Buffer.concat([frame(new Uint8Array(100)), zeroFrame(BOMB, BOMB)]), frame(empty)],
      [512, 100, 0],
    ),
  ],
  [
    "a second frame without a size",
    withTail(
      [frame(manifestHead), Buffer.concat([frame(new Uint8Array(100)), zeroFrame(BOMB, null)]), frame(empty)],
      [512, 100, 0],
    ),
  ],
  [
    "a manifest of the largest size in a table",
    withTail([frame(manifestHead), zeroFrame(2 ** 30, 2 ** 30), frame(empty)], [512, 2 ** 30, 0]),
  ],
];

// Where zeros follow a good archive, its orthos are still the right ones, and may be read.
test.each(declarations)("%s", async (what, bytes) => {
  await Bun.write(path, bytes);
  const { result, peak_mib, cpu_ms } = await readAlone(path);
  expect(what.includes("good") ? ["corrupt", "3 orthos"] : ["corrupt"]).toContain(result);
  expect(peak_mib).toBeLessThan(MOST_MEMORY_MIB);
  expect(cpu_ms).toBeLessThan(MOST_CPU_MS);
});

describe("a gigabyte of nothing, which takes no place on the disk, is not read", () => {
  const hole = 2 ** 30;
  const head = frame(manifestHead);
  const sizes = (...compressed: number[]) =>
    compressed.map((size, i) => ({ compressed: size, content: [512, 100, 0][i] }));
  const most = encodeTail(sizes(hole, 0, 0), "0".repeat(64));
  // The number of frames says how long a tail is: here as long as the file.
  new DataView(most.buffer).setUint32(most.length - 9, hole / 8, true);
  const tails: [what: string, tail: Uint8Array][] = [
    ["as a header", encodeTail(sizes(hole, 0, 0), "0".repeat(64))],
    ["as a manifest", encodeTail(sizes(head.length, hole - head.length, 0), "0".repeat(64))],
    ["as a tail", most],
  ];
  test.each(tails)("%s", async (_, tail) => {
    writeFileSync(path, head);
    truncateSync(path, tail === most ? hole + 1000 : hole);
    appendFileSync(path, tail);
    const { result, peak_mib, cpu_ms } = await readAlone(path);
    expect(result).toBe("corrupt");
    expect(peak_mib).toBeLessThan(MOST_MEMORY_MIB);
    expect(cpu_ms).toBeLessThan(MOST_CPU_MS);
  });
});

test("nothing is larger than its bound when it is compressed", () => {
  for (const size of [0, 1, 1000, 1 << 17, 1_000_000]) {
    expect(compressFrame(randomBytes(size)).length).toBeLessThanOrEqual(compressBound(size));
  }
});

test("a frame is unpacked only to the size that is due", async () => {
  for (const lie of [
    zeroFrame(BOMB, null),
    zeroFrame(BOMB, BOMB),
    zeroFrame(BOMB, 100),
    zeroFrame(100, 100).subarray(0, 15),
  ]) {
    expect((await foldErrorOf(() => decompressFrame(lie, 100, "a frame"))).code).toBe("corrupt");
  }
  expect(decompressFrame(zeroFrame(100, 100), 100, "a frame")).toEqual(new Uint8Array(100));
});

// The bombs above are refused for what they are, and not because this file cannot make an archive.
test("the good archive of this file is read alone within the limits", async () => {
  await Bun.write(path, good);
  const { result, peak_mib, cpu_ms } = await readAlone(path);
  expect(result).toBe("3 orthos");
  expect(peak_mib).toBeLessThan(MOST_MEMORY_MIB);
  expect(cpu_ms).toBeLessThan(MOST_CPU_MS);
});
