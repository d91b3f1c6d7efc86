// The tar of an archive, for the system's own programs.
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseTarHeader, tarHeader } from "../../src/archive/tar.ts";
import { foldErrorOf, foldText, memberNames } from "../support/folds.ts";
import { sampleText } from "../support/sample.ts";
import { entriesOf, framesOf, headerOf, tarOfArchive } from "../support/tars.ts";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder();
const hasTar = Bun.which("tar") !== null;
const hasZstd = Bun.which("zstd") !== null;

async function outputOf(...command: string[]): Promise<string> {
  const child = Bun.spawn(command, { cwd: folder, stderr: "pipe" });
  const [text, problem] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect({ exit: await child.exited, problem }).toEqual({ exit: 0, problem: "" });
  return text;
}

test("a header is read as it was written", () => {
  for (const size of [0, 1, 511, 512, 8 ** 11 - 1]) {
    expect(parseTarHeader(tarHeader("results/queue_00000000.bin", size))).toEqual({
      path: "results/queue_00000000.bin",
      size,
    });
  }
});

test("headers are as an independent writer makes them", () => {
  const bytes = new Uint8Array(1234);
  expect(Buffer.from(tarHeader("interner.bin", 1234)).toString("latin1")).toBe(
    Buffer.from(headerOf({ path: "interner.bin", bytes })).toString("latin1"),
  );
});

const forged: [what: string, header: Uint8Array][] = [
  ["a wrong checksum", tarHeader("interner.bin", 5).with(0, 65)],
  ["a symbolic link", headerOf({ path: "interner.bin", bytes: new Uint8Array(0), type: "2" })],
  ["a folder", headerOf({ path: "results", bytes: new Uint8Array(0), type: "5" })],
  ["a long name of GNU", headerOf({ path: "././@LongLink", bytes: new Uint8Array(0), type: "L" })],
  ["a size below zero", headerOf({ path: "interner.bin", bytes: new Uint8Array(0), claimed: -1 })],
  ["a size that is no number", headerOf({ path: "interner.bin", bytes: new Uint8Array(0), claimed: Number.NaN })],
];

test.each(forged)("a header is corrupt: %s", async (_, header) => {
  expect((await foldErrorOf(() => parseTarHeader(header))).code).toBe("corrupt");
});

test.skipIf(!hasTar)("the system's tar takes the headers (skipped where there is no tar)", async () => {
  const members = [
    { path: "interner.bin", bytes: Buffer.from("one") },
    { path: "results/queue_00000000.bin", bytes: Buffer.alloc(1024, "x") },
    { path: "manifest.json", bytes: Buffer.alloc(0) },
  ];
  const frames = framesOf(members).map((frame, i) => {
    const member = members[i / 2];
    return i % 2 === 0 && member !== undefined
      ? Buffer.concat([frame.subarray(0, -512), tarHeader(member.path, member.bytes.length)])
      : frame;
  });
  writeFileSync(join(folder, "plain.tar"), Buffer.concat(frames));
  const listed = await outputOf("tar", "--numeric-owner", "-tvf", "plain.tar");
  expect(
    listed
      .trim()
      .split("\n")
      .map((line) =>
        line
          .split(/\s+/)
          .filter((_, i) => i !== 3 && i !== 4)
          .join(" "),
      ),
  ).toEqual([
    "-rw-r--r-- 0/0 3 interner.bin",
    "-rw-r--r-- 0/0 1024 results/queue_00000000.bin",
    "-rw-r--r-- 0/0 0 manifest.json",
  ]);
});

test.skipIf(!(hasTar && hasZstd))("zstd and tar unpack an archive (skipped where one is missing)", async () => {
  const path = join(folder, "book.tar.zst");
  const { archive } = await foldText(sampleText, { archive: path });
  await outputOf("zstd", "-q", "-d", path, "-o", join(folder, "book.tar"));
  const names = memberNames(archive?.manifest.chunks.length ?? 0);
  expect((await outputOf("tar", "-tf", "book.tar")).trim().split("\n")).toEqual(names);
  const hash = new Bun.CryptoHasher("sha256").update(await Bun.file(join(folder, "book.tar")).bytes()).digest("hex");
  expect(hash).toBe(archive?.tarSha256 ?? "");
});

test("fzstd, an independent decoder, finds the same members in the same order", async () => {
  const path = join(folder, "again.tar.zst");
  const { archive } = await foldText(sampleText, { archive: path });
  const tar = tarOfArchive(await Bun.file(path).bytes());
  const entries = entriesOf(tar);
  expect(entries.map((entry) => entry.path)).toEqual(memberNames(archive?.manifest.chunks.length ?? 0));
  expect(new Bun.CryptoHasher("sha256").update(tar).digest("hex")).toBe(archive?.tarSha256 ?? "");
  expect(JSON.parse(Buffer.from(entries.at(-1)?.bytes ?? []).toString())).toEqual(archive?.manifest);
});
