// Accidents: whatever happens to the bytes of an archive, a reader gets the original orthos or a clear error.
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../../src/archive/manifest.ts";
import { Archive } from "../../src/archive/reader.ts";
import { verifyArchive } from "../../src/archive/verify.ts";
import { FoldError } from "../../src/errors.ts";
import { foldText, readArchive } from "../support/folds.ts";
import { randomNumbers } from "../support/random.ts";
import { archiveInOneFrame, entriesOf, tarOfArchive } from "../support/tars.ts";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder();
const path = join(folder, "book.tar.zst");
const text = "all the readers. his case of. all his. the case. readers of. the case of. all his case";
await foldText(text, { archive: path, options: { max_dims: 3, min_volume: 1, shard: null } });
const original = await readArchive(path);
const written = await Bun.file(path).bytes();
const tar = tarOfArchive(written);
const repacked = archiveInOneFrame(entriesOf(tar));

/** Damages one byte or more, at a place. */
type Damage = (bytes: Uint8Array, at: number) => Uint8Array;

const damages: Record<string, Damage> = {
  "cut off": (bytes, at) => bytes.slice(0, at),
  "a bit flipped": (bytes, at) => bytes.with(at, bytes[at] ^ (1 << (at % 8))),
  "a byte of zeros": (bytes, at) => bytes.with(at, 0),
  "a byte inserted": (bytes, at) => Buffer.concat([bytes.subarray(0, at), Uint8Array.of(at), bytes.subarray(at)]),
  "a byte removed": (bytes, at) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]),
  "twenty bytes removed": (bytes, at) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 20)]),
  "twenty bytes of noise": (bytes, at) => {
    const noise = randomNumbers(at);
    return bytes.map((byte, i) => (i >= at && i < at + 20 ? Math.floor(256 * noise()) : byte));
  },
};

/** Reads an archive of these bytes: either it is the original, or the error says that it is corrupt. */
async function checkRead(bytes: Uint8Array, place: string): Promise<void> {
  const damaged = join(folder, "damaged.tar.zst");
  writeFileSync(damaged, bytes);
  try {
    expect(await readArchive(damaged), place).toEqual(original);
  } catch (error) {
    if (!(error instanceof FoldError)) throw new Error(`at ${place}`, { cause: error });
    expect(error.code, place).toBe("corrupt");
  }
}

const forms: [form: string, bytes: Uint8Array, step: number, pack: (bytes: Uint8Array) => Uint8Array][] = [
  ["as written", written, 9, (bytes) => bytes],
  ["in one frame", repacked, 9, (bytes) => bytes],
  // The tar is damaged before it is compressed: no checksum of zstd stands in front of fold's own.
  ["the tar itself", tar, 37, (bytes) => Bun.zstdCompressSync(bytes)],
];
const damagedForms = forms.flatMap(([form, ...rest]) =>
  Object.entries(damages).map(([kind, damage]) => [form, kind, damage, ...rest] as const),
);

test.each(damagedForms)("%s: %s", async (_form, _kind, damage, bytes, step, pack) => {
  for (let at = 0; at < bytes.length; at += step) await checkRead(pack(damage(bytes, at)), `byte ${at}`);
});

// The seek table and the hash before it are the last bytes: every one of them.
test("every bit of the archive's tail", async () => {
  for (let at = written.length - 90; at < written.length; at++) {
    for (let bit = 0; bit < 8; bit++)
      await checkRead(written.with(at, written[at] ^ (1 << bit)), `byte ${at}, bit ${bit}`);
  }
});

// By the seek table and from the start: readers go either way.
test("what the check calls sound is read, whatever bit of the tail is another", async () => {
  const damaged = join(folder, "damaged.tar.zst");
  const tail = written.length - (57 + 8 * (2 * entriesOf(tar).length + 2) + 4);
  for (let at = tail; at < written.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      writeFileSync(damaged, written.with(at, written[at] ^ (1 << bit)));
      if (!(await verifyArchive(damaged, { sample: 1 })).ok) continue;
      expect(await readArchive(damaged), `byte ${at}, bit ${bit}`).toEqual(original);
      const archive = await Archive.open(damaged);
      expect(await archive.decodedTarSha256(), `byte ${at}, bit ${bit}`).toBe(sha256(tar));
      archive.close();
    }
  }
});

test("two archives in one file, an archive twice", async () => {
  await checkRead(Buffer.concat([written, written]), "twice");
  await checkRead(Buffer.concat([repacked, written]), "behind another form of it");
});
