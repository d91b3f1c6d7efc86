// Bytes that are not UTF-8: an error that names the file and where the damage is.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { decodeText } from "../../src/core/text.ts";
import { FoldError } from "../../src/errors.ts";
import { sampleText } from "../support/sample.ts";

function errorOf(bytes: Uint8Array): FoldError | null {
  try {
    decodeText(bytes, "book.txt");
    return null;
  } catch (error) {
    if (error instanceof FoldError) return error;
    throw error;
  }
}

/** The byte offset in the error's message; null when the bytes decode. */
function offsetOf(bytes: Uint8Array): number | null {
  const error = errorOf(bytes);
  if (error === null) return null;
  expect(error.code).toBe("not_utf8");
  expect(error.message).toContain("book.txt");
  return Number(/offset (\d+)/.exec(error.message)?.[1]);
}

const damages: [kind: string, bytes: number[]][] = [
  ["a continuation byte alone", [0x80]],
  ["a byte of latin1", [0xe9, 0x74, 0xe9]],
  ["a character of three bytes cut short by a letter", [0xe2, 0x82, 0x61]],
  ["a character of four bytes cut short by another", [0xf0, 0x9f, 0x98, 0xc3, 0xa9]],
  ["an overlong slash", [0xc0, 0xaf]],
  ["an overlong NUL of three bytes", [0xe0, 0x80, 0x80]],
  ["a surrogate", [0xed, 0xa0, 0x80]],
  ["a code point beyond U+10FFFF", [0xf4, 0x90, 0x80, 0x80]],
  ["a lead byte that does not exist", [0xff]],
];

// Before the damage stand characters of one to four bytes, so that bytes and characters are counted differently.
const before = Buffer.from("a \u00E9 \u6587 \u{10428} ");
const places: [place: string, front: Uint8Array, back: Uint8Array][] = [
  ["at the start", new Uint8Array(0), before],
  ["in the middle", before, before],
  ["at the end", before, new Uint8Array(0)],
  ["behind a byte-order mark", Buffer.from("\uFEFFa"), before],
  ["in a long text", Buffer.from(sampleText), Buffer.from(sampleText)],
];
const damagedPlaces = damages.flatMap(([kind, bytes]) =>
  places.map(([place, front, back]) => [kind, place, bytes, front, back] as const),
);

test.each(damagedPlaces)("%s %s", (_kind, _place, bytes, front, back) => {
  expect(offsetOf(Buffer.concat([front, Buffer.from(bytes), back]))).toBe(front.length);
});

test.each([1, 2, 3])("a last character that lacks its end is named by its start (%d bytes of it)", (kept) => {
  const character = Buffer.from("\u{10428}").subarray(0, kept);
  expect(offsetOf(Buffer.concat([before, character]))).toBe(before.length);
});

test("whatever the damage, it is at the first byte that a plain reading of RFC 3629 refuses", () => {
  const someBytes = fc.array(
    fc.constantFrom(0x61, 0x80, 0xbf, 0xc3, 0xa9, 0xe0, 0xe2, 0xed, 0xa0, 0xf0, 0x9f, 0xf4, 0xff),
  );
  const property = fc.property(someBytes, fc.nat({ max: 20 }), (numbers, letters) => {
    const bytes = Buffer.concat([Buffer.from("\u6587".repeat(letters)), Buffer.from(numbers)]);
    expect(offsetOf(bytes)).toBe(firstDamage(bytes));
  });
  fc.assert(property, { numRuns: 2000 });
});

/** Start of the first character that RFC 3629 does not allow, null when there is none. */
function firstDamage(bytes: Buffer): number | null {
  // One character after the other, in latin1 so that a regular expression sees bytes.
  const character = new RegExp(
    [
      "[\\x00-\\x7f]|[\\xc2-\\xdf][\\x80-\\xbf]|\\xe0[\\xa0-\\xbf][\\x80-\\xbf]|[\\xe1-\\xec\\xee\\xef][\\x80-\\xbf]{2}",
      "\\xed[\\x80-\\x9f][\\x80-\\xbf]|\\xf0[\\x90-\\xbf][\\x80-\\xbf]{2}|[\\xf1-\\xf3][\\x80-\\xbf]{3}",
      "\\xf4[\\x80-\\x8f][\\x80-\\xbf]{2}",
    ].join("|"),
    "y",
  );
  const text = bytes.toString("latin1");
  let at = 0;
  while (at < text.length) {
    character.lastIndex = at;
    if (!character.test(text)) return at;
    at = character.lastIndex;
  }
  return null;
}
