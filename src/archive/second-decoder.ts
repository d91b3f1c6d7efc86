import { FoldError, fromSystemError } from "../errors.ts";

/**
 * SHA-256 of the tar in an archive file as fzstd decodes it: what one decoder lets pass the other may not.
 *
 * @param onPiece called again and again; what it throws ends the decoding
 * @returns lower-case hex
 * @throws FoldError `corrupt` when fzstd cannot decode it; errors of the disk
 */
export async function tarSha256ByFzstd(path: string, onPiece: () => void = () => {}): Promise<string> {
  const { Decompress } = await import("fzstd");
  const hash = new Bun.CryptoHasher("sha256");
  const decoder = new Decompress((piece) => hash.update(piece));
  try {
    for await (const piece of Bun.file(path).stream()) {
      onPiece();
      decoder.push(piece);
    }
    decoder.push(new Uint8Array(0), true);
  } catch (error) {
    if (error instanceof FoldError) throw error;
    if (error instanceof Error && "syscall" in error) throw fromSystemError(error, "read the archive", path);
    const message = `${path} cannot be decoded by fzstd: ${error instanceof Error ? error.message : error}`;
    throw new FoldError("corrupt", message, "get another copy of the archive, or fold the text again");
  }
  return hash.digest("hex");
}
