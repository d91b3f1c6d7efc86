import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatLineage, type Lineage, parseLineage, textsOf } from "../../src/archive/lineage.ts";
import { foldErrorOf } from "../support/folds.ts";

// Names with all that has a meaning in an S-expression, and anything else.
const nameArbitrary = fc.oneof(
  fc.string({ unit: fc.constantFrom('"', "\\", "(", ")", " ", "\n", "1/2", "a", "\u00E9", "\u{10428}") }),
  fc.string({ unit: "binary" }),
);

const { lineage: lineageArbitrary } = fc.letrec<{ lineage: Lineage }>((tie) => ({
  lineage: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.record({ kind: fc.constant("text" as const), name: nameArbitrary }),
    fc
      .record({ of: tie("lineage"), shard: fc.integer({ min: 1, max: 99 }), more: fc.nat() })
      .map(({ of, shard, more }) => {
        return { kind: "shard" as const, of, shard, shards: shard + more };
      }),
    fc.record({ kind: fc.constant("merge" as const), parts: fc.array(tie("lineage"), { minLength: 1, maxLength: 4 }) }),
  ),
}));

test("a lineage is read as it was written, whatever the names", () => {
  const property = fc.property(lineageArbitrary, (lineage) => {
    expect(parseLineage(formatLineage(lineage))).toEqual(lineage);
  });
  fc.assert(property, { numRuns: 1000 });
});

test("the texts of a lineage, in their order", () => {
  expect(textsOf(parseLineage('(("a" ("b" 1/2)) "c" ("d" "a"))'))).toEqual(["a", "b", "c", "d", "a"]);
});

const large: Record<string, string> = {
  "merges of merges": `${"(".repeat(100_000)}"a"${' "b")'.repeat(100_000)}`,
  "shards of shards": `${"(".repeat(100_000)}"a"${" 1/2)".repeat(100_000)}`,
  "a merge of many": `(${Array(500_000).fill('"a"').join(" ")})`,
};

test.each(Object.entries(large))("a lineage has no limit: %s", (_, text) => {
  const lineage = parseLineage(text);
  expect(formatLineage(lineage) === text).toBe(true);
  expect(textsOf(lineage)).toHaveLength(text.split('"').length >> 1);
});

test("a lineage looks as the design says", () => {
  const text = (name: string): Lineage => ({ kind: "text", name });
  expect(formatLineage(text("file1"))).toBe('"file1"');
  expect(formatLineage(text('a "b" \\c'))).toBe('"a \\"b\\" \\\\c"');
  expect(formatLineage({ kind: "shard", of: text("file1"), shard: 2, shards: 8 })).toBe('("file1" 2/8)');
  const pair: Lineage = { kind: "merge", parts: [text("a"), text("b")] };
  expect(formatLineage({ kind: "merge", parts: [pair, text("c")] })).toBe('(("a" "b") "c")');
});

const broken = [
  "",
  "(",
  ")",
  "()",
  '"a',
  'a"',
  '"a" "b"',
  '("a"',
  '("a" 1/2',
  '("a" "b" 1/2)',
  "(1/2)",
  '("a" 3/2)',
  '("a" 0/2)',
  '("a" 1/2 "b")',
  "1/2",
  "\\",
];

test.each(broken)("no lineage: %s", async (text) => {
  expect((await foldErrorOf(() => parseLineage(text))).code).toBe("corrupt");
});

// A manifest may be forged: neither depth nor length may exhaust the stack or the time. A quadratic reader takes
// seconds for these, a linear one milliseconds.
const huge: Record<string, string> = {
  "deep nesting": "(".repeat(200_000),
  "quotes escaped without an end": `"${'\\"'.repeat(30_000)}`,
  "a name without an end": `"${"a".repeat(200_000)}`,
};

test.each(Object.entries(huge))("refused in no time: %s", async (_, text) => {
  // Processor time: on a busy machine the clock says nothing about the reader.
  const start = process.cpuUsage();
  expect((await foldErrorOf(() => parseLineage(text))).code).toBe("corrupt");
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1000).toBeLessThan(1000);
});

test("a name of a megabyte is read", () => {
  const lineage: Lineage = { kind: "text", name: '"\\a'.repeat(300_000) };
  expect(parseLineage(formatLineage(lineage))).toEqual(lineage);
});
