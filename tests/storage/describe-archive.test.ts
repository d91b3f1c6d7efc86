// What is handed over is read back first: every bit of an archive counts, not only those that describe it.
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { WrittenArchive } from "../../src/archive/writer.ts";
import { FoldError } from "../../src/errors.ts";
import { checkDecoded, describeWhole, describeWritten } from "../../src/storage/describe-archive.ts";
import type { ArchiveEntry } from "../../src/storage/port.ts";
import { foldText } from "../support/folds.ts";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder();
const path = join(folder, "book.tar.zst");
const options = { max_dims: 2, min_volume: 1, shard: null };
const { archive } = await foldText("all the readers. his case of. all his. the case. readers of", {
  archive: path,
  options,
});
const written = await Bun.file(path).bytes();

/** As a storage does before it counts on an archive that was handed over. */
async function describeDecoded(file: string): Promise<ArchiveEntry> {
  const entry = describeWritten({ ...(archive as WrittenArchive), path: file });
  await checkDecoded(file, entry);
  return entry;
}

test("a whole archive is described", async () => {
  expect(await describeDecoded(path)).toEqual(await describeWhole(path));
  expect((await describeDecoded(path)).tar_sha256).toBe(archive?.tarSha256 ?? "");
});

test("one with any bit of its content flipped is refused", async () => {
  const damaged = join(folder, "damaged.tar.zst");
  let unseenByTail = 0;
  for (let at = 0; at < written.length; at++) {
    writeFileSync(damaged, written.with(at, written[at] ^ (1 << (at % 8))));
    const passes = await describeWhole(damaged).catch(() => null);
    const error = await describeDecoded(damaged).catch((thrown) => thrown);
    // A flip that changes nothing of what is decoded: the file is the archive still.
    if (!(error instanceof FoldError)) expect(error).toEqual(await describeWhole(path));
    else expect(error.code).toBe("corrupt");
    if (passes !== null && error instanceof FoldError) unseenByTail++;
  }
  expect(unseenByTail).toBeGreaterThan(100);
});

test("a file that is not there, or of another size, is no archive", async () => {
  const longer = join(folder, "longer");
  writeFileSync(longer, Buffer.concat([written, Buffer.from("x")]));
  for (const file of [join(folder, "none"), longer]) {
    const error = await describeDecoded(file).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "corrupt" });
  }
});
