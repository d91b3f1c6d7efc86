// The work folder: what a run finds there of a task that was walked in several parts.
import { beforeEach, expect, test } from "bun:test";
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeChunk } from "../../src/archive/chunk.ts";
import { compressFrame } from "../../src/archive/zstd.ts";
import { openSpill, readSpilled, type SpilledChunk, spillChunk, spilledChunks } from "../../src/jobs/spill.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { walkText } from "../support/walks.ts";

const folder = join(temporaryFolder(), "book.work");
const text = "a b c. d e f. a d. b e. c f";
const chunks = walkText(text, { maxDims: 2, minVolume: 1, codeLimit: 1 }).chunks;
const bytes = encodeChunk(chunks[0]).slice();

/** The parts of task 7, the second without orthos, and the one part of task 12. */
let parts: SpilledChunk[] = [];

beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  openSpill(folder, "key");
  const frame = compressFrame(bytes);
  const size = bytes.length;
  parts = [
    spillChunk(folder, { task: 7, part: 0, next: { node: 5, square: 3 }, size }, frame),
    spillChunk(folder, { task: 7, part: 1, next: { node: 6, square: 0 }, size: 0 }, new Uint8Array(0)),
    spillChunk(folder, { task: 7, part: 2, next: null, size }, frame),
    spillChunk(folder, { task: 12, part: 0, next: null, size }, frame),
  ];
});

/** For each task found, where each of its parts says that the walk goes on. */
function found(): Record<number, (number | null)[]> {
  const tasks = [...spilledChunks(folder)];
  return Object.fromEntries(tasks.map(([task, list]) => [task, list.map(({ next }) => next?.node ?? null)]));
}

test("every part is found, in order, with where it goes on", () => {
  expect(found()).toEqual({ 7: [5, 6, null], 12: [null] });
  expect(spilledChunks(folder).get(7)).toEqual(parts.slice(0, 3));
});

test("a part is read as it was written, and one without orthos is nothing", () => {
  expect(readSpilled(parts[0])?.chunk).toEqual(chunks[0]);
  expect(readSpilled(parts[1])).toBeNull();
});

// The parts behind a gap are whole, but nothing says any more that they follow on what is before it.
const losses: [lost: number, left: Record<number, (number | null)[]>][] = [
  [0, { 12: [null] }],
  [1, { 7: [5], 12: [null] }],
  [2, { 7: [5, 6], 12: [null] }],
  [3, { 7: [5, 6, null] }],
];

test.each(losses)("parts count up to the first that is missing (%d)", (lost, left) => {
  rmSync(parts[lost].file);
  expect(found()).toEqual(left);
});

test("parts count up to the first that is damaged", () => {
  writeFileSync(parts[2].file, compressFrame(new Uint8Array(bytes.length)));
  expect(found()).toEqual({ 7: [5, 6], 12: [null] });
});

test("a folder is kept for the same key and emptied for another", () => {
  expect(openSpill(folder, "key").isResumed).toBe(true);
  expect(openSpill(folder, "other key").isResumed).toBe(false);
  expect(readdirSync(folder)).toEqual(["key"]);
});

test("ten parts and more are in the order of their numbers, not of their names", () => {
  const nodes = Array.from({ length: 12 }, (_, part) => (part === 11 ? null : 20 + part));
  nodes.forEach((node, part) => {
    const next = node === null ? null : { node, square: 0 };
    spillChunk(folder, { task: 3, part, next, size: 0 }, new Uint8Array(0));
  });
  expect(found()[3]).toEqual(nodes);
});

test("a job whose folder was taken away does not make it anew", () => {
  rmSync(folder, { recursive: true });
  expect(() => openSpill(join(folder, "book.work"), "key")).toThrow("create the work folder");
  expect(existsSync(folder)).toBe(false);
});
