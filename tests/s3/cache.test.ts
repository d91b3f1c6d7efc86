// The cache of downloads: bounded, checked on use, shared, and never the only place of anything.
import { expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { FoldError } from "../../src/errors.ts";
import { Cache } from "../../src/s3/cache.ts";
import { sha256Of } from "../../src/s3/etag.ts";
import { contentOf } from "../support/cache-user.ts";
import { mountSmallDisk, unmount } from "../support/small-disk.ts";
import { memoryFolder, temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder();

/** A cache in a folder of its own, and a way to take contents from it that counts what was fetched. */
function newCache(most_bytes: number, place = folder, userPlace = place) {
  const dir = join(place, crypto.randomUUID());
  const cache = new Cache(dir, most_bytes);
  const take = async (content: Uint8Array) => {
    const path = join(userPlace, crypto.randomUUID());
    const isHit = await cache.take(sha256Of(content), path, async () => writeFileSync(path, content));
    expect(readFileSync(path).equals(content)).toBe(true);
    return { isHit, path };
  };
  return { dir, cache, take };
}

const names = (dir: string) => readdirSync(dir).sort();

test("what was fetched once is there, for its reader alone", async () => {
  const { dir, take } = newCache(10_000);
  const first = await take(contentOf(0));
  const second = await take(contentOf(0));
  expect([first.isHit, second.isHit]).toEqual([false, true]);
  rmSync(first.path);
  rmSync(dir, { recursive: true });
  expect(readFileSync(second.path).equals(contentOf(0))).toBe(true);
  expect((await take(contentOf(0))).isHit).toBe(false);
  expect(names(dir)).toEqual([sha256Of(contentOf(0))]);
});

test("it goes to and from other file systems", async () => {
  const { take } = newCache(10_000, memoryFolder(), folder);
  expect((await take(contentOf(3))).isHit).toBe(false);
  expect((await take(contentOf(3))).isHit).toBe(true);
});

test("no more is kept than it may hold; what was not used for longest goes first", async () => {
  const { dir, take } = newCache(9_000);
  const keptAt = (number: number) => join(dir, sha256Of(contentOf(number)));
  // 2,000, 3,000 and 4,000 bytes fill it.
  for (const [age, number] of [1, 2, 3].entries()) {
    await take(contentOf(number));
    utimesSync(keptAt(number), 1_000 + age, 1_000 + age);
  }
  // Taking the oldest makes it the newest: the 3,000 bytes go for another 1,000.
  expect((await take(contentOf(1))).isHit).toBe(true);
  await take(contentOf(0));
  expect([0, 1, 2, 3].map((number) => existsSync(keptAt(number)))).toEqual([true, true, false, true]);
  // Larger than all of it: not kept, and nothing goes for it.
  const before = names(dir);
  await take(contentOf(9));
  expect(names(dir)).toEqual(before);
});

test("a content that changed in there is not handed out, and does not stay", async () => {
  const { dir, take } = newCache(10_000);
  const { path } = await take(contentOf(0));
  rmSync(path);
  writeFileSync(join(dir, sha256Of(contentOf(0))), "something else");
  expect((await take(contentOf(0))).isHit).toBe(false);
  expect((await take(contentOf(0))).isHit).toBe(true);
});

test("copies that nobody finishes are removed", async () => {
  const { dir, take } = newCache(10_000);
  mkdirSync(dir, { mode: 0o700 });
  const [old, young] = [join(dir, "old.tmp"), join(dir, "young.tmp")];
  for (const path of [old, young]) writeFileSync(path, "");
  utimesSync(old, 1_000, 1_000);
  await take(contentOf(0));
  expect(existsSync(young)).toBe(true);
  expect(existsSync(old)).toBe(false);
});

test("where it cannot be, everything is fetched", async () => {
  const open = newCache(10_000);
  mkdirSync(open.dir);
  chmodSync(open.dir, 0o777);
  const linked = newCache(10_000);
  symlinkSync(folder, linked.dir);
  const blocked = newCache(10_000);
  writeFileSync(blocked.dir, "a file");
  for (const { take } of [open, linked, blocked]) {
    for (let i = 0; i < 2; i++) expect((await take(contentOf(0))).isHit).toBe(false);
  }
  expect(names(open.dir)).toEqual([]);
});

test("what cannot be removed is in nobody's way", async () => {
  const { dir, cache, take } = newCache(20_000);
  for (const number of [1, 2]) await take(contentOf(number));
  // Folders, as if somebody had put them there long ago.
  for (const name of ["0".repeat(64), "old.tmp"]) {
    mkdirSync(join(dir, name));
    utimesSync(join(dir, name), 1, 1);
  }
  expect((await take(contentOf(3))).isHit).toBe(false);
  expect((await take(contentOf(3))).isHit).toBe(true);
  // A full disk is told as one where nothing was left to give way.
  let tries = 0;
  const full = () => {
    tries++;
    return Promise.reject(new FoldError("no_space", "full", ""));
  };
  for (const expected of [2, 3]) {
    await expect(cache.take(sha256Of(contentOf(0)), join(folder, "full"), full)).rejects.toMatchObject({
      code: "no_space",
    });
    expect(tries).toBe(expected);
  }
});

test("a fetch that fails leaves nothing", async () => {
  const { dir, cache } = newCache(10_000);
  const fetch = () => Promise.reject(new FoldError("unreachable", "no", "no"));
  await expect(cache.take(sha256Of(contentOf(0)), join(folder, "never"), fetch)).rejects.toMatchObject({
    code: "unreachable",
  });
  expect(names(dir)).toEqual([]);
});

const smallPlace = join(folder, "small");
const hasSmallDisk = mountSmallDisk(smallPlace, 64);
test.if(hasSmallDisk)("on a full disk it gives way, and what was asked for is there", async () => {
  try {
    const { dir, cache, take } = newCache(1 << 20, smallPlace, folder);
    // More than the 64 kB that there are: from some point on, nothing more can be kept.
    for (let number = 0; number < 20; number++) await take(contentOf(number));
    let left_bytes = 0;
    for (const name of names(dir)) {
      expect(name).toHaveLength(64);
      left_bytes += statSync(join(dir, name)).size;
    }
    expect(left_bytes).toBeLessThan(64 << 10);
    // A fetch onto the same disk finds it full of what is kept.
    const path = join(smallPlace, "file");
    const content = new Uint8Array(50_000);
    const fetch = () => {
      try {
        writeFileSync(path, content);
        return Promise.resolve();
      } catch {
        rmSync(path, { force: true });
        return Promise.reject(new FoldError("no_space", "full", ""));
      }
    };
    await cache.take(sha256Of(content), path, fetch);
    expect(readFileSync(path).equals(content)).toBe(true);
  } finally {
    unmount(smallPlace);
  }
});

test("several processes share it while it is wiped, and none gets anything but what it asked for", async () => {
  const dir = join(folder, "shared");
  const user = join(import.meta.dir, "../support/cache-user.ts");
  const users = [1, 2, 3].map((seed) =>
    Bun.spawn([process.execPath, user, dir, join(folder, `user-${seed}`), "60000", "400", `${seed}`], {
      stdout: "pipe",
      stderr: "pipe",
    }),
  );
  const ended = Promise.all(
    users.map(async (one) => ({
      exit: await one.exited,
      errors: await one.stderr.text(),
      hits: Number(await one.stdout.text()),
    })),
  );
  let isRunning = true;
  const wiping = (async () => {
    while (isRunning) {
      await Bun.sleep(40);
      rmSync(dir, { recursive: true, force: true, maxRetries: 20 });
    }
  })();
  const told = await ended;
  isRunning = false;
  await wiping;
  for (const { exit, errors } of told) expect({ exit, errors }).toEqual({ exit: 0, errors: "" });
  expect(told.some(({ hits }) => hits > 0)).toBe(true);
});
