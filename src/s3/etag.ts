/** An ETag without its quotes: Ceph compares it with If-Match only so. */
export function unquote(etag: string | null | undefined): string {
  return (etag ?? "").replace(/^W\//, "").replace(/^"(.*)"$/, "$1");
}

/** Whether an ETag is the MD5 of the object: one that was put in one piece, and not encrypted by the other side. */
export function isMd5(etag: string): boolean {
  return /^[0-9a-f]{32}$/.test(etag);
}

/** The MD5 of bytes, or of a text in UTF-8, in hex. */
export function md5Of(bytes: Uint8Array | string): string {
  return new Bun.CryptoHasher("md5").update(bytes).digest("hex");
}

/** The SHA-256 of bytes, in hex. */
export function sha256Of(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}

/** A hash in hex as the header Content-MD5 wants it. */
export function toBase64(hex: string): string {
  return Buffer.from(hex, "hex").toString("base64");
}

/** The ETag of an object of several parts: the MD5 of their MD5s, and how many there are. */
export function etagOfParts(md5s: readonly string[]): string {
  return `${md5Of(Buffer.from(md5s.join(""), "hex"))}-${md5s.length}`;
}
