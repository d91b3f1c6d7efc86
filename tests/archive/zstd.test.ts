// Frames: one for whatever is compressed, whatever its size.
import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { compressFrame, decompressFrame } from "../../src/archive/zstd.ts";
import { foldErrorOf } from "../support/folds.ts";

const KIB = 1 << 10;

// What cannot be compressed is as long as its frame but for some bytes, so one of these frames fills the pieces in
// which zlib hands out its output, of a length that it likes, to the last byte.
test.each([1, 4, 16, 32, 64, 128, 256, 1024].map((size_kib) => size_kib * KIB))(
  "one frame, also where it is as long as a buffer: %d bytes",
  (size_bytes) => {
    const bytes = randomBytes(size_bytes);
    const lengths = new Set<number>();
    for (let size = size_bytes - 64; size <= size_bytes; size++) {
      const part = bytes.subarray(0, size);
      const frame = compressFrame(part);
      lengths.add(frame.length);
      expect(Buffer.compare(decompressFrame(frame, size, `of ${size} bytes`), part)).toBe(0);
    }
    expect(lengths).toContain(size_bytes);
  },
);

test("a frame with that empty one behind it is read, as archives from before have them; with any other it is not", async () => {
  const frame = compressFrame(Buffer.from("all the readers"));
  const read = (...behind: Uint8Array[]) => decompressFrame(Buffer.concat([frame, ...behind]), 15, "a frame");
  const empty = compressFrame(new Uint8Array(0));
  expect(Buffer.from(read(empty)).toString()).toBe("all the readers");
  for (const behind of [[empty, empty], [frame], [empty.subarray(1)], [Uint8Array.of(0)]]) {
    expect((await foldErrorOf(() => read(...behind))).message).toContain("is not one frame");
  }
});

test("nothing, and what compresses well, are one frame, too", () => {
  for (const size of [0, 1, 63, 64, 65, 1_000_000]) {
    expect(decompressFrame(compressFrame(new Uint8Array(size)), size, "zeros")).toEqual(new Uint8Array(size));
  }
});
