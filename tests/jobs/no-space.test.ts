// What a worker says of a disk that is too small for a job: the room that it asks for is enough, and not far too much.
import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { work } from "../../src/jobs/worker.ts";
import { LocalPlace } from "../storage/local-place.ts";
import { foldErrorOf } from "../support/folds.ts";
import { sampleText } from "../support/sample.ts";
import { mountSmallDisk, resizeDisk, unmount } from "../support/small-disk.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { workerOn } from "./workers.ts";

const WHOLE_BELOW_BYTES = 1 << 20;
/** Such a disk has a whole number of pages. */
const PAGE_KB = 4;

const mounted: string[] = [];
// Before the folder goes: the tests of a file are cleaned up after in the order in which they ask for it.
afterAll(() => {
  for (const disk of mounted) unmount(disk);
});
const folder = temporaryFolder();

const disks = [48, 64, 84].map((size_kb) => {
  const disk = join(folder, `small-${size_kb}`);
  const isMounted = mountSmallDisk(disk, size_kb);
  if (isMounted) mounted.push(disk);
  return [`${size_kb}k`, disk] as const;
});
const title = "a short fold on a disk of %s is done on one of the size that is asked for (needs the right to mount)";

test.skipIf(mounted.length < disks.length).each(disks)(title, async (_, disk) => {
  const place = new LocalPlace(disk, WHOLE_BELOW_BYTES);
  await place.putText("book", sampleText);
  const { request } = workerOn(place);
  const { code, message } = await foldErrorOf(() => work(request));
  expect(code).toBe("no_space");
  const needed_kb = Number(/ after \d+ kB; about (\d+) kB are needed$/.exec(message)?.[1]);
  expect(resizeDisk(disk, PAGE_KB * Math.ceil(needed_kb / PAGE_KB))).toBe(true);
  expect(await work(request)).toMatchObject({ done: 1, failed: 0 });
  const [{ size_bytes }] = await place.open().listArchives();
  expect(needed_kb * 1000).toBeLessThan(3 * (size_bytes + sampleText.length));
});
