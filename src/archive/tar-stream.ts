import { damaged, MAX_MEMBER_BYTES } from "./source.ts";
import { BLOCK, parseTarHeader, tarPadding } from "./tar.ts";

/** One member of a tar. */
export interface TarMember {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Programs fill a tar up with zeros to a multiple of 10 kB, or of a little more. */
const MAX_FILL_BYTES = 1 << 16;

/** The names that fold writes: anything else, `../x` above all, has no business in an archive. */
const MEMBER_NAME = /^(interner\.bin|manifest\.json|optimal\.txt|results\/queue_\d{8}\.bin)$/;

/**
 * Read the members of a tar from its pieces, one at a time.
 *
 * @param wanted the most bytes that a member may have, by its path; null to pass over it without keeping it
 * @throws FoldError `corrupt` for anything but a whole tar of fold's members
 */
export async function* readTar(
  pieces: AsyncIterable<Uint8Array>,
  name: string,
  wanted: (path: string) => number | null,
): AsyncGenerator<TarMember> {
  const input = new PieceReader(pieces, name);
  for (;;) {
    const header = parseTarHeader(await input.take(BLOCK));
    if (header === null) break;
    if (!MEMBER_NAME.test(header.path))
      throw damaged(name, `holds ${JSON.stringify(header.path)}, which is not fold's`);
    const most = wanted(header.path);
    if (header.size > (most ?? MAX_MEMBER_BYTES)) {
      throw damaged(name, `claims ${header.size} bytes for ${header.path}`);
    }
    if (most === null) await input.skip(header.size);
    else yield { path: header.path, bytes: await input.take(header.size) };
    await input.skip(tarPadding(header.size));
  }
  await input.end();
}

/** Cuts a stream of pieces into parts of wanted sizes. */
class PieceReader {
  private readonly source: AsyncIterator<Uint8Array>;
  private piece: Uint8Array = new Uint8Array(0);
  private at = 0;

  constructor(
    pieces: AsyncIterable<Uint8Array>,
    private readonly name: string,
  ) {
    this.source = pieces[Symbol.asyncIterator]();
  }

  /** The next `size` bytes. Memory grows with what really comes, not with what was claimed. */
  async take(size: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (let left = size; left > 0; ) {
      if (this.at === this.piece.length && !(await this.more())) throw damaged(this.name, "ends too early");
      const part = this.piece.subarray(this.at, this.at + left);
      parts.push(part);
      this.at += part.length;
      left -= part.length;
    }
    return parts.length === 1 ? parts[0].slice() : concatenate(parts, size);
  }

  /** Pass over `size` bytes. */
  async skip(size: number): Promise<void> {
    for (let left = size; left > 0; ) {
      if (this.at === this.piece.length && !(await this.more())) throw damaged(this.name, "ends too early");
      const step = Math.min(left, this.piece.length - this.at);
      this.at += step;
      left -= step;
    }
  }

  /** Read to the end, so that a stream cut off behind the last member is noticed: zeros, and not many. */
  async end(): Promise<void> {
    let left = MAX_FILL_BYTES;
    do {
      left -= this.piece.length - this.at;
      if (left < 0 || this.piece.subarray(this.at).some((byte) => byte !== 0)) {
        throw damaged(this.name, "goes on after its end");
      }
    } while (await this.more());
  }

  private async more(): Promise<boolean> {
    const { done, value } = await this.source.next();
    if (done === true) return false;
    this.piece = value;
    this.at = 0;
    return true;
  }
}

function concatenate(parts: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
