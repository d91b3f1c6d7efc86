// Chunks that come in any order leave in that of the walk, from memory or from the work folder.
import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { Archive } from "../../src/archive/reader.ts";
import { compressFrame } from "../../src/archive/zstd.ts";
import { ChunkQueue } from "../../src/jobs/chunk-queue.ts";
import { readSpilled, type SpilledChunk, spillChunk } from "../../src/jobs/spill.ts";
import type { ChunkDone } from "../../src/jobs/walk-messages.ts";
import { foldText } from "../support/folds.ts";
import { memoryFolder } from "../support/temporary.ts";

const folder = memoryFolder();
const path = join(folder, "tale.tar.zst");
await foldText("the old man sat. the young man ran. old men sat. young men ran.", { archive: path });
const archive = await Archive.open(path);
const members: Uint8Array[] = [];
for await (const [, bytes] of archive.members(archive.manifest.chunks)) members.push(Uint8Array.from(bytes));
archive.close();
const [content] = members;
const frame = compressFrame(content).slice();

interface Shape {
  readonly task: number;
  readonly part?: number;
  readonly isLast?: boolean;
  readonly isEmpty?: boolean;
  /** How large it says that it is: what is kept in memory is counted by it. */
  readonly size_bytes?: number;
  readonly isSpilled?: boolean;
}

/** A chunk as a thread reports it; `orthos` tells which it is. */
function chunk({ task, part = 0, isLast = true, isEmpty = false, size_bytes, isSpilled = true }: Shape): ChunkDone {
  const bytes = isEmpty ? null : size_bytes === undefined ? content : new Uint8Array(size_bytes);
  const next = isLast ? null : { node: 1, square: 0 };
  const spilled = isSpilled
    ? spillChunk(folder, { task, part, next, size: isEmpty ? 0 : content.length }, isEmpty ? new Uint8Array(0) : frame)
    : null;
  return {
    kind: "chunk",
    task,
    part,
    isLast,
    orthos: 10 * task + part,
    shapes: {},
    optimal: isEmpty ? null : { dims: [2, 2], words: ["a", "b", "c", "d"] },
    start: { origin: "a", second: "b", square: 0 },
    bytes,
    frame: isEmpty ? null : frame,
    spilled,
  };
}

/** A queue for tasks, and what it tells: `10` stands for part 0 of task 1. */
function queueFor(...tasks: number[]) {
  const told = { next: [] as number[], done: [] as number[], chunks: [] as number[], sizes: [] as number[] };
  const queue = new ChunkQueue(tasks, {
    onChunk: ({ orthos }) => told.chunks.push(orthos),
    onTaskDone: (task) => told.done.push(task),
    onNext: (head, bytes) => {
      told.next.push(head.orthos);
      told.sizes.push(bytes.length);
    },
  });
  return { queue, told };
}

test("tasks leave in their order, their parts in theirs, as soon as it is their turn", () => {
  const { queue, told } = queueFor(1, 2, 5);
  queue.put(chunk({ task: 5, isLast: false }));
  queue.put(chunk({ task: 2 }));
  expect(told.next).toEqual([]);
  queue.put(chunk({ task: 1, isLast: false }));
  expect(told.next).toEqual([10]);
  queue.put(chunk({ task: 1, part: 1 }));
  expect(told.next).toEqual([10, 11, 20, 50]);
  queue.put(chunk({ task: 5, part: 1 }));
  expect(told.next).toEqual([10, 11, 20, 50, 51]);
  expect(told).toMatchObject({ chunks: [50, 20, 10, 11, 51], done: [2, 1, 5] });
});

test("chunks without orthos make way, and are not handed on", () => {
  const { queue, told } = queueFor(1, 2, 3);
  queue.put(chunk({ task: 2 }));
  queue.put(chunk({ task: 3, isEmpty: true }));
  queue.put(chunk({ task: 1, isEmpty: true }));
  expect(told).toMatchObject({ next: [20], done: [2, 3, 1] });
});

test("what a run before has left takes its place among what is walked", () => {
  const { queue, told } = queueFor(1, 2, 3);
  const spilled = (shape: Shape): SpilledChunk => chunk(shape).spilled as SpilledChunk;
  queue.putSpilled(spilled({ task: 3 }));
  queue.putSpilled(spilled({ task: 1, isLast: false }));
  queue.putSpilled(spilled({ task: 2, isEmpty: true }));
  expect(told.sizes).toEqual([content.length]);
  queue.put(chunk({ task: 1, part: 1 }));
  expect(told.sizes).toEqual([content.length, content.length, content.length]);
  expect(told.done).toEqual([3, 2, 1]);
});

const LARGE_BYTES = 30 << 20;

test("what waits beyond 48 MB is read from the work folder; what was handed on makes room again", () => {
  const { queue, told } = queueFor(1, 2, 3, 4, 5, 6);
  for (const task of [2, 3, 4]) queue.put(chunk({ task, size_bytes: LARGE_BYTES }));
  queue.put(chunk({ task: 1, size_bytes: LARGE_BYTES }));
  // Two were in memory; the file has what it says.
  expect(told.sizes).toEqual([LARGE_BYTES, LARGE_BYTES, LARGE_BYTES, content.length]);
  queue.put(chunk({ task: 6, size_bytes: LARGE_BYTES }));
  queue.put(chunk({ task: 5 }));
  expect(told.sizes.slice(4)).toEqual([content.length, LARGE_BYTES]);
});

test("what is not in the work folder stays in memory, and so does what is next, however much that is", () => {
  const { queue, told } = queueFor(1, 2, 3, 4);
  for (const task of [2, 3, 4]) queue.put(chunk({ task, size_bytes: LARGE_BYTES, isSpilled: false }));
  const first = chunk({ task: 1, size_bytes: LARGE_BYTES });
  rmSync(first.spilled?.file ?? "");
  queue.put(first);
  expect(told.sizes).toEqual([LARGE_BYTES, LARGE_BYTES, LARGE_BYTES, LARGE_BYTES]);
});

test("a part that has gone from the work folder is an error", () => {
  const spilled = chunk({ task: 1 }).spilled as SpilledChunk;
  rmSync(spilled.file);
  expect(() => readSpilled(spilled)).toThrow("read a finished part from");
});
