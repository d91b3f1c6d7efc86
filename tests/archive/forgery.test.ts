// Forged archives, put together by someone who can compute a checksum.
import { expect, test } from "bun:test";
import { join } from "node:path";
import { encodeManifest, type Manifest, sealManifest, sha256 } from "../../src/archive/manifest.ts";
import { Archive } from "../../src/archive/reader.ts";
import { foldErrorOf, foldText, readArchive } from "../support/folds.ts";
import { entriesOf, packings, type TarEntry, tarOfArchive } from "../support/tars.ts";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder();
const path = join(folder, "book.tar.zst");
await foldText("all the readers. his case of. all his. the case. readers of", { archive: path });
const entries = entriesOf(tarOfArchive(await Bun.file(path).bytes()));
const [interner, chunk, optimal, manifest] = entries;
const told = JSON.parse(Buffer.from(manifest.bytes).toString()) as Manifest;
const original = await readArchive(path);

/** The entries with a changed manifest, sealed anew. */
function withManifest(changes: Partial<Manifest>): TarEntry[] {
  const { content_sha256: _old, ...rest } = { ...told, ...changes };
  return [interner, chunk, optimal, { path: "manifest.json", bytes: encodeManifest(sealManifest(rest)) }];
}

const empty = new Uint8Array(0);
const lies: Record<string, TarEntry[]> = {
  "no members": [],
  "no manifest": [interner, chunk, optimal],
  "the manifest alone": [manifest],
  "a manifest that is not the last": [manifest, interner, chunk, optimal],
  "a chunk is missing": [interner, optimal, manifest],
  "members in another order": [chunk, interner, optimal, manifest],
  "a chunk before the sentences, and again": [chunk, interner, chunk, optimal, manifest],
  "a member twice": [interner, interner, chunk, optimal, manifest],
  "another chunk under the same name first": [interner, { ...chunk, bytes: interner.bytes }, chunk, optimal, manifest],
  "another chunk under the same name after": [interner, chunk, { ...chunk, bytes: interner.bytes }, optimal, manifest],
  "a name outside of the folder": [{ path: "../evil", bytes: empty }, interner, chunk, optimal, manifest],
  "an absolute name": [interner, { path: "/etc/passwd", bytes: empty }, chunk, optimal, manifest],
  "a name with a step back in it": [interner, { ...chunk, path: "results/../queue_00000000.bin" }, optimal, manifest],
  "a symbolic link": [interner, { ...chunk, type: "2", bytes: empty }, optimal, manifest],
  "a size smaller than what follows": [interner, { ...chunk, claimed: 10 }, optimal, manifest],
  "a size of gigabytes": [interner, { ...chunk, claimed: 8 ** 11 - 1 }, optimal, manifest],
  "a manifest of gigabytes": [interner, chunk, optimal, { ...manifest, claimed: 2 ** 30 }],
  "a member larger than the manifest says": withManifest({
    interner: { ...told.interner, size: told.interner.size - 1 },
  }),
  "another hash": withManifest({ interner: { ...told.interner, sha256: sha256(empty) } }),
  "another number of orthos": withManifest({ orthos: told.orthos + 1 }),
  "another number of orthos in a chunk, too": withManifest({
    orthos: told.orthos + 1,
    chunks: [{ ...told.chunks[0], orthos: told.orthos + 1 }],
  }),
  "a chunk that is the sentences": withManifest({
    chunks: [{ ...told.chunks[0], size: interner.bytes.length, sha256: sha256(interner.bytes) }],
  }).with(1, { ...chunk, bytes: interner.bytes }),
  "sentences that are a chunk": withManifest({
    interner: { ...told.interner, size: chunk.bytes.length, sha256: sha256(chunk.bytes) },
  }).with(0, { ...interner, bytes: chunk.bytes }),
};

const packedLies = Object.entries(lies).flatMap(([lie, members]) =>
  Object.entries(packings).map(([packing, pack]) => [lie, packing, pack(members)] as const),
);

// An archive may be read all the same where nothing that it says of its content is wrong.
const mayBeRead = ["order", "twice", "again", "name", "link", "smaller", "gigabytes", "first", "after"];

test.each(packedLies)("%s (%s)", async (lie, _, bytes) => {
  await Bun.write(join(folder, "forged.tar.zst"), bytes);
  try {
    expect(await readArchive(join(folder, "forged.tar.zst"))).toEqual(original);
    expect(mayBeRead.filter((word) => lie.includes(word))).not.toEqual([]);
  } catch (error) {
    const { code } = await foldErrorOf(() => {
      throw error;
    });
    expect(code).toBe("corrupt");
  }
});

// As a stream every header is looked at, whatever the manifest says: nothing that could harm an unpacker is fold's.
test.each(["a name outside of the folder", "an absolute name", "a name with a step back in it", "a symbolic link"])(
  "refused for good as a stream: %s",
  async (lie) => {
    await Bun.write(join(folder, "forged.tar.zst"), packings["one frame"](lies[lie]));
    expect((await foldErrorOf(() => readArchive(join(folder, "forged.tar.zst")))).code).toBe("corrupt");
  },
);

test("no archive at all", async () => {
  const file = join(folder, "no.tar.zst");
  for (const content of ["", "a", "no archive", "x".repeat(10_000)]) {
    await Bun.write(file, content);
    expect((await foldErrorOf(() => Archive.open(file))).code).toBe("corrupt");
  }
  expect((await foldErrorOf(() => Archive.open(join(folder, "nowhere")))).code).toBe("not_found");
  expect((await foldErrorOf(() => Archive.open(folder))).code).toBe("usage");
});
