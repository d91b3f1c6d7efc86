// What claims to be larger than it can be is refused before it is read into memory.
import { afterEach, expect, spyOn, test } from "bun:test";
import { appendFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeTail } from "../../src/archive/seek-table.ts";
import { ArchiveSource } from "../../src/archive/source.ts";
import { Adding } from "../../src/store/adding.ts";
import { checkStore } from "../../src/store/check.ts";
import { breathe } from "../../src/store/files.ts";
import {
  encodeReference,
  MAX_AROUND_BYTES,
  MAX_REFERENCE_BYTES,
  REFERENCE_VERSION,
  sealReference,
} from "../../src/store/reference.ts";
import { findObjects } from "../../src/store/repair-source.ts";
import { Store } from "../../src/store/store.ts";
import { foldErrorOf } from "../support/folds.ts";
import { leftovers, objectFiles, writeLongArchive } from "../support/stores.ts";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder();
const path = join(folder, "long.tar.zst");
const good = writeLongArchive(path);
const HOLE = 100 << 20;

const store = new Store(join(folder, "state"));
const get = spyOn(store.objects, "get");
afterEach(() => get.mockClear());

/** The archive with a hole behind one of its frames, which its tail says is part of the frame. */
function withHole(behind: number): string {
  const source = new ArchiveSource(path);
  source.close();
  const frames = source.frames ?? [];
  const { at, compressed } = frames[behind];
  const end = frames[frames.length - 1];
  const forged = join(folder, `hole-${behind}.tar.zst`);
  writeFileSync(forged, good.subarray(0, at + compressed));
  truncateSync(forged, at + compressed + HOLE);
  appendFileSync(forged, good.subarray(at + compressed, end.at + end.compressed));
  const sizes = frames.map((frame, i) => ({ ...frame, compressed: frame.compressed + (i === behind ? HOLE : 0) }));
  appendFileSync(forged, encodeTail(sizes, source.tarSha256 ?? ""));
  return forged;
}

test.each([0, 1, 4, 7])("an archive whose frame %d claims a hole", async (behind) => {
  const error = await foldErrorOf(() => store.add(withHole(behind), "hole"));
  expect([error.code, error.message]).toEqual(["corrupt", expect.stringContaining("claims")]);
  expect([...objectFiles(store).keys()]).toEqual([]);
});

test.each([0, 1])("a source to repair from whose frame %d claims a hole is passed over", (behind) => {
  const forged = withHole(behind);
  const wanted = new Map([["0".repeat(64), { object: "0".repeat(64), size: 1, raw: null }]]);
  const alloc = spyOn(Buffer, "allocUnsafeSlow");
  try {
    expect([...findObjects(forged, wanted, () => {})]).toEqual([null]);
    expect(alloc.mock.calls.filter(([size]) => size > HOLE)).toEqual([]);
  } finally {
    alloc.mockRestore();
  }
});

test("what begins like a reference and is too large for one is read piece by piece", async () => {
  const file = join(folder, "large");
  writeFileSync(file, '{\n "fold_archive": ');
  truncateSync(file, MAX_REFERENCE_BYTES + 1);
  const { reference } = await store.add(file, "large");
  const wholeCheck = { sample: 1, repairFrom: [], rebuild: true, pause: breathe };
  for (const sample of [1, 1e-9]) {
    expect(await checkStore(store, { ...wholeCheck, sample })).toMatchObject({ bad_objects: [], bad_references: [] });
  }
  const [{ object }] = reference.members as unknown as [{ object: string }];
  expect(get.mock.calls.flat()).not.toContain(object);
  store.remove("large");
});

const base = { fold_archive: REFERENCE_VERSION, name: "lie", frame: null } as const;

test("a reference that would be too large is not written", async () => {
  const link = { type: "link", path: "l", target: "x".repeat(MAX_REFERENCE_BYTES) } as const;
  const reference = sealReference({ ...base, kind: "folder", members: [link] });
  const adding = new Adding(store.objects);
  const error = await foldErrorOf(() => adding.publish(store.fileOf("lie"), reference));
  adding.end();
  expect([error.code, error.exitCode]).toEqual(["usage", 2]);
  expect([store.names(), leftovers(store)]).toEqual([[], []]);
});

test("an archive with too much between its members is not read", async () => {
  const adding = new Adding(store.objects);
  const { object, size } = adding.put(new Uint8Array(MAX_AROUND_BYTES + 1));
  adding.settleNow();
  adding.end();
  const frame = { tar_sha256: object, object, lengths: [size] };
  writeFileSync(store.fileOf("lie"), encodeReference(sealReference({ ...base, kind: "archive", members: [], frame })));
  const error = await foldErrorOf(() => store.find("lie").restore(join(folder, "out"), breathe));
  expect([error.code, error.message]).toEqual(["corrupt", expect.stringContaining("between its members")]);
  expect(get).not.toHaveBeenCalled();
});

test("a member whose frame is larger than what it holds can become is not read", async () => {
  const adding = new Adding(store.objects);
  const { object, size } = adding.put(new Uint8Array(1 << 20));
  adding.settleNow();
  adding.end();
  const member = { type: "file", path: "x", mode: "0644", size: 5, sha256: object, object, stored: size } as const;
  const frame = { tar_sha256: object, object, lengths: [size, 0] };
  const reference = sealReference({ ...base, kind: "archive", members: [member], frame });
  writeFileSync(store.fileOf("lie"), encodeReference(reference));
  const error = await foldErrorOf(() => store.find("lie").readMember("x"));
  expect([error.code, error.message]).toEqual(["corrupt", expect.stringContaining("claims")]);
  expect(get).not.toHaveBeenCalled();
});
