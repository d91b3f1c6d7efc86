import { chunkPath, INTERNER, MANIFEST, type Manifest, OPTIMAL } from "../archive/manifest.ts";
import { encodeTail, type FrameSize } from "../archive/seek-table.ts";
import { BLOCK, tarHeader, tarPadding } from "../archive/tar.ts";
import { compressFrame } from "../archive/zstd.ts";
import { type Files, type Pause, writeOutput } from "./files.ts";

/**
 * Make a tar.zst file of an archive's members. Its tar is the one that fold wrote (FORMAT.md, "The tar").
 *
 * @param read gives the raw bytes of a member
 */
export async function packArchive(
  path: string,
  manifest: Manifest,
  read: (path: string) => Promise<Uint8Array>,
  files: Files,
  pause: Pause,
): Promise<void> {
  await writeOutput(path, files, async (out) => {
    const tar = new Bun.CryptoHasher("sha256");
    const frames: FrameSize[] = [];
    const add = (bytes: Uint8Array) => {
      const frame = compressFrame(bytes);
      tar.update(bytes);
      frames.push({ compressed: frame.length, content: bytes.length });
      out.write(frame);
    };
    let padding = 0;
    const order = [INTERNER, ...manifest.chunks.map((_, number) => chunkPath(number)), OPTIMAL, MANIFEST];
    for (const member of order) {
      const bytes = await read(member);
      const head = new Uint8Array(padding + BLOCK);
      head.set(tarHeader(member, bytes.length), padding);
      add(head);
      add(bytes);
      padding = tarPadding(bytes.length);
      await pause();
    }
    add(new Uint8Array(padding + 2 * BLOCK));
    out.write(encodeTail(frames, tar.digest("hex")));
  });
}
