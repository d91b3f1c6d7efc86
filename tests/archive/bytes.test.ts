import { expect, test } from "bun:test";
import fc from "fast-check";
import { ByteReader, ByteWriter } from "../../src/archive/bytes.ts";
import { FoldError } from "../../src/errors.ts";
import { foldErrorOf } from "../support/folds.ts";

const itemArbitrary = fc.oneof(
  fc.record({ varint: fc.oneof(fc.nat({ max: 300 }), fc.maxSafeNat()) }),
  fc.record({ text: fc.string({ unit: "binary" }) }),
  fc.record({ raw: fc.uint8Array({ maxLength: 3000 }) }),
  fc.record({ uint32: fc.integer({ min: 0, max: 2 ** 32 - 1 }) }),
);

test("what was written is read again", () => {
  const property = fc.property(fc.array(itemArbitrary), (items) => {
    const out = new ByteWriter(1);
    for (const item of items) {
      if ("varint" in item) out.varint(item.varint);
      else if ("text" in item) out.text(item.text);
      else if ("raw" in item) out.raw(item.raw);
      else out.uint32(item.uint32);
    }
    const input = new ByteReader(out.finish(), "bytes");
    for (const item of items) {
      if ("varint" in item) expect(input.varint()).toBe(item.varint);
      else if ("text" in item) expect(input.text()).toBe(item.text);
      else if ("raw" in item) expect(input.raw(item.raw.length)).toEqual(item.raw);
      else expect(input.uint32()).toBe(item.uint32);
    }
    expect(input.left).toBe(0);
  });
  fc.assert(property, { numRuns: 300 });
});

test("a varint has seven bits a byte, low bits first", () => {
  const out = new ByteWriter();
  for (const value of [0, 127, 128, 300, 2 ** 53 - 1]) out.varint(value);
  expect([...out.finish()]).toEqual([0, 127, 128, 1, 172, 2, 255, 255, 255, 255, 255, 255, 255, 15]);
});

const damages: [what: string, bytes: number[], read: (input: ByteReader) => unknown][] = [
  ["a varint that does not end", [0x80, 0x80], (input) => input.varint()],
  ["a varint beyond the safe integers", Array(7).fill(0xff).concat(0x7f), (input) => input.varint()],
  ["a varint of too many bytes", Array(12).fill(0x80), (input) => input.varint()],
  ["more entries than bytes", [5, 1, 1, 1, 1], (input) => input.count()],
  ["a number that reaches its limit", [7], (input) => input.below(7)],
  ["a text longer than the bytes", [3, 97, 97], (input) => input.text()],
  ["a text that is not UTF-8", [2, 0xc3, 0x28], (input) => input.text()],
  ["four bytes of three", [1, 2, 3], (input) => input.uint32()],
];

test.each(damages)("%s is corrupt", async (_, bytes, read) => {
  const error = await foldErrorOf(() => read(new ByteReader(Uint8Array.from(bytes), "some.bin")));
  expect(error.code).toBe("corrupt");
  expect(error.message).toContain("some.bin");
});

test("any bytes at all are read or corrupt", () => {
  const property = fc.property(
    fc.uint8Array({ maxLength: 20 }),
    fc.constantFrom("varint", "count", "text", "uint32"),
    (bytes, kind) => {
      const input = new ByteReader(bytes, "some.bin");
      try {
        while (input.left > 0) input[kind]();
      } catch (error) {
        if (!(error instanceof FoldError && error.code === "corrupt")) throw error;
      }
    },
  );
  fc.assert(property, { numRuns: 1000 });
});
