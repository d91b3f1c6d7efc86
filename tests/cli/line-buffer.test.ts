// The lines that `fold export` writes, where words are many or long.
import { expect, test } from "bun:test";
import { LineBuffer } from "../../src/cli/line-buffer.ts";

/** The text of some orthos of 2 x 2, and how many bytes came at once at most. */
function written(format: "lines" | "jsonl", words: readonly string[], orthos: readonly number[][]) {
  const pieces: string[] = [];
  let most_bytes = 0;
  const lines = new LineBuffer(format, (bytes) => {
    pieces.push(Buffer.from(bytes).toString());
    most_bytes = Math.max(most_bytes, bytes.buffer.byteLength);
  });
  lines.setWords(words);
  for (const ortho of orthos) lines.add([2, 2], Int32Array.from(ortho), 4);
  lines.flush();
  return { text: pieces.join(""), most_bytes };
}

test("a vocabulary of a million words", () => {
  const words = Array.from({ length: 1_000_000 }, (_, i) => `w${i}`);
  expect(written("lines", words, [[0, 999_999, 7, 12_345]]).text).toBe("2x2\tw0 w999999 w7 w12345\n");
});

test.each(["lines", "jsonl"] as const)("a word longer than any buffer, and many short lines: %s", (format) => {
  const long = "x".repeat(3_000_000);
  const orthos = [...Array.from({ length: 60_000 }, () => [0, 1, 2, 0]), [0, 3, 3, 1], [2, 2, 1, 3]];
  const { text } = written(format, ["a", "bb", "\u00e9tait", long], orthos);
  const lineOf = (ortho: number[]) => {
    const words = ortho.map((word) => ["a", "bb", "\u00e9tait", long][word]);
    return format === "lines" ? `2x2\t${words.join(" ")}\n` : `${JSON.stringify({ dims: [2, 2], volume: 1, words })}\n`;
  };
  expect(text === orthos.map(lineOf).join("")).toBe(true);
});

test("a long word makes no room for lines that it is not in", () => {
  const { most_bytes } = written("lines", ["a", "b", "c", "x".repeat(3_000_000)], [[0, 1, 2, 0]]);
  expect(most_bytes).toBeLessThan(1_000_000);
});
