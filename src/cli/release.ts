// A release on a web server: SHA256SUMS and a compressed program for each target, in the layout of GitHub.
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { FoldError, fromSystemError } from "../errors.ts";

/** SHA256SUMS has some twenty lines; whatever is much longer is none. */
const MOST_SUMS_BYTES = 1 << 16;
/** Programs have some hundred megabytes. */
const MOST_PROGRAM_BYTES = 1 << 30;
const EXECUTABLE = 0o755;
/** GitHub leads to its storage in two steps. */
const MOST_REDIRECTS = 5;

/** A mirror may say of a file that ends in .gz that it is packed for the way: unpacked, it would not be that file. */
const AS_THEY_LIE = { decompress: false, headers: { "accept-encoding": "identity" } };

/** One release of the program, for one target. */
export class Release {
  /** Where the download is. */
  readonly address: string;

  private constructor(
    base: string,
    private readonly file: string,
    private readonly sums: ReadonlyMap<string, string>,
    private readonly signal: AbortSignal,
  ) {
    this.address = `${base}/${file}.gz`;
  }

  /**
   * Reads what a release says of its files.
   *
   * @param releases address of the releases
   * @param wanted a version; null for the latest
   * @param target the kind of machine, as builds are named
   * @throws FoldError `usage` for an address that is none, `not_found` where the release or its build for the target
   * is missing, `corrupt` for checksums that are none, `refused` or `failed` where the server does not answer as it should
   */
  static async open(releases: string | null, wanted: string | null, target: string, signal: AbortSignal) {
    const base = `${checkedAddress(releases)}/${wanted === null ? "latest/download" : `download/v${wanted}`}`;
    const response = await get(`${base}/SHA256SUMS`, signal);
    let text = "";
    const decoder = new TextDecoder();
    for await (const bytes of chunksOf(response, MOST_SUMS_BYTES, signal)) {
      text += decoder.decode(bytes, { stream: true });
    }
    const release = new Release(base, `fold-${target}`, parseSums(text, base), signal);
    // Both are looked up before anything large is downloaded.
    release.sumOf(`${release.file}.gz`);
    release.sumOf(release.file);
    return release;
  }

  /** Whether a file is this release's program already. */
  async isProgram(path: string): Promise<boolean> {
    const hash = new Bun.CryptoHasher("sha256");
    for await (const bytes of Bun.file(path).stream()) hash.update(bytes);
    return hash.digest("hex") === this.sumOf(this.file);
  }

  /**
   * Downloads the program to a path where nothing is yet, verified and executable; some hundred megabytes in all.
   *
   * @param onStart told the size of the download, null where the server does not say
   * @throws FoldError `corrupt` where it is not what the release says
   */
  async download(path: string, onStart: (size_bytes: number | null) => void): Promise<void> {
    const packed = `${path}.gz`;
    const response = await get(this.address, this.signal);
    onStart(Number(response.headers.get("content-length")) || null);
    await this.keep(chunksOf(response, MOST_PROGRAM_BYTES, this.signal), packed, `${this.file}.gz`);
    const gunzip = createGunzip();
    const feeding = pipeline(Bun.file(packed).stream() as unknown as AsyncIterable<Uint8Array>, gunzip);
    await Promise.all([feeding, this.keep(gunzip, path, this.file)]);
  }

  private async keep(chunks: AsyncIterable<Uint8Array>, path: string, file: string): Promise<void> {
    const hash = new Bun.CryptoHasher("sha256");
    const handle = openNew(path);
    try {
      for await (const bytes of chunks) {
        hash.update(bytes);
        for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at);
      }
      fsyncSync(handle);
    } catch (error) {
      throw fromSystemError(error, "write the download to", path);
    } finally {
      closeSync(handle);
    }
    const [found, wanted] = [hash.digest("hex"), this.sumOf(file)];
    if (found === wanted) return;
    throw new FoldError(
      "corrupt",
      `${file} is not what the release says: its SHA-256 is ${found}, not ${wanted}`,
      "nothing was changed; try again, and report it if it happens again",
    );
  }

  private sumOf(file: string): string {
    const sum = this.sums.get(file);
    if (sum !== undefined) return sum;
    throw new FoldError("not_found", `the release has no ${file}: ${this.address}`, "another --version may have it");
  }
}

function openNew(path: string): number {
  try {
    return openSync(path, "wx", EXECUTABLE);
  } catch (error) {
    throw fromSystemError(error, "create the file", path);
  }
}

/** What is downloaded is run: nobody on the way may change it. */
function checkedAddress(releases: string | null): string {
  const hint = "set FOLD_RELEASES to https://github.com/OWNER/REPOSITORY/releases";
  if (releases === null) throw new FoldError("usage", "this build does not know where releases are", hint);
  const url = URL.parse(releases);
  if (url === null) throw new FoldError("usage", `FOLD_RELEASES is no address: ${JSON.stringify(releases)}`, hint);
  if (url.username !== "" || url.password !== "") {
    throw new FoldError("usage", "FOLD_RELEASES holds a user or a password", "give the address alone");
  }
  refuseOpenWay(url);
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

function refuseOpenWay({ protocol, hostname, origin }: URL): void {
  const isLoopback = ["127.0.0.1", "localhost", "[::1]"].includes(hostname);
  if (protocol === "https:" || (protocol === "http:" && isLoopback)) return;
  const hint = "give an address that begins with https://: without TLS anybody on the way could change the program";
  throw new FoldError("usage", `releases are not taken from ${origin === "null" ? protocol : origin}`, hint);
}

async function get(address: string, signal: AbortSignal): Promise<Response> {
  const response = await follow(address, signal);
  if (response.ok) return response;
  await response.body?.cancel();
  const { status } = response;
  const code = status === 404 ? "not_found" : status === 401 || status === 403 ? "refused" : "failed";
  const hint =
    status === 404 ? "check --version and FOLD_RELEASES" : "try again later, or set FOLD_RELEASES to a mirror";
  throw new FoldError(code, `cannot get ${address}: the server answers ${status}`, hint);
}

/** The answer at the end of all redirects, none of which may lead over a way that others can change. */
async function follow(address: string, signal: AbortSignal): Promise<Response> {
  let url = new URL(address);
  for (let steps = 0; steps <= MOST_REDIRECTS; steps++) {
    let response: Response;
    try {
      response = await fetch(url.href, { signal, redirect: "manual", ...AS_THEY_LIE });
    } catch (error) {
      throw notDownloaded(url.href, error, signal);
    }
    const location = response.headers.get("location");
    if (response.status < 300 || response.status >= 400 || location === null) return response;
    await response.body?.cancel();
    const next = URL.parse(location, url.href);
    if (next === null) break;
    refuseOpenWay(next);
    url = next;
  }
  throw new FoldError("failed", `${address} leads nowhere`, "check FOLD_RELEASES, or try again later");
}

function notDownloaded(address: string, error: unknown, signal: AbortSignal): FoldError {
  if (error instanceof FoldError) return error;
  if (signal.aborted) return new FoldError("interrupted", "stopped; nothing was changed", "run the same command again");
  const what = error instanceof Error ? error.message : String(error);
  return new FoldError("failed", `cannot get ${address}: ${what}`, "check the network, then try again", error);
}

async function* chunksOf(response: Response, most_bytes: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  let size_bytes = 0;
  try {
    for await (const bytes of response.body ?? []) {
      size_bytes += bytes.length;
      if (size_bytes > most_bytes) {
        throw new FoldError("corrupt", `${response.url} is larger than ${most_bytes} bytes`, "check FOLD_RELEASES");
      }
      yield bytes;
    }
  } catch (error) {
    throw notDownloaded(response.url, error, signal);
  }
}

/** The lines of `sha256sum`: a hash, two characters between, a name. */
function parseSums(text: string, base: string): Map<string, string> {
  const found = [...text.matchAll(/^([0-9a-f]{64}) [ *](\S+)$/gm)];
  if (found.length > 0) return new Map(found.map(([, sum, file]) => [file!, sum!]));
  throw new FoldError(
    "corrupt",
    `${base}/SHA256SUMS is no list of checksums`,
    "a proxy or a login page may have answered in its place; check FOLD_RELEASES, too",
  );
}
