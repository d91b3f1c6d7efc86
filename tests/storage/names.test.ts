// Names as paths below a folder.
import { expect, test } from "bun:test";
import { idOfInput } from "../../src/storage/local/layout.ts";
import { pathOfName } from "../../src/storage/names.ts";

const long = "é".repeat(200);

test.each([
  ["book", "book"],
  ["a/b c/d.e", "a/b c/d.e"],
  ["../../x", "__/__/x"],
  ["/etc/passwd", "etc/passwd"],
  ["a//b/", "a/b"],
  ["..", "__"],
  [".", "_"],
  ["", "_"],
  ["///", "_"],
  [".hidden/...", "_hidden/___"],
  ["a\0b", "a_b"],
  ["a\\b/c\n\u007f\u0085", "a_b/c___"],
  ["..\\..\\x", "___.._x"],
  ["x.work/x.work", "x.work_/x.work"],
  ["x.tar.zst/y.tar.zst", "x.tar.zst_/y.tar.zst"],
  ["x.json/x.json", "x.json_/x.json"],
])("%j is %j", (name, path) => {
  expect(pathOfName(name)).toBe(path);
  expect(pathOfName(path)).toBe(path);
});

test("a name that is too long is cut between letters, and told from others that begin alike", () => {
  const [one, other] = [pathOfName(`${long}/${long}1`), pathOfName(`${long}/${long}2`)];
  expect(one).not.toBe(other);
  expect(pathOfName(one)).toBe(one);
  expect(one).toMatch(/^é+~[0-9a-f]{8}\/é+~[0-9a-f]{8}$/);
  for (const part of one.split("/")) expect(Buffer.byteLength(part)).toBeLessThanOrEqual(220);
});

test("the id of a text is short, plain, and no other text's", () => {
  const paths = [
    "a.txt",
    "A.txt",
    "a/a.txt",
    "a-a.txt",
    "\u00E9.txt",
    "e\u0301.txt",
    `${long}1.txt`,
    `${long}2.txt`,
    "-.txt",
  ];
  const ids = paths.map(idOfInput);
  expect(new Set(ids).size).toBe(paths.length);
  for (const id of ids) expect(id).toMatch(/^[a-z0-9][a-z0-9-]{0,59}$/);
});
