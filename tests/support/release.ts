// A release as it is published: programs compiled here, packed, with their checksums, behind a web server of its own.
import { appendFileSync, copyFileSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compile, hostTarget } from "../../scripts/compile.ts";
import { sha256 } from "../../src/archive/manifest.ts";
import { binary } from "./binary.ts";
import { projectFile } from "./project.ts";

/** The target of the machine that the tests run on. */
export const target: string = hostTarget();

/** Writes what a release of `version` holds for some targets: the same program for each, packed, and SHA256SUMS. */
export async function publish(folder: string, program: string, targets: readonly string[] = [target]): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const bytes = await Bun.file(program).bytes();
  const packed = Bun.gzipSync(bytes, { level: 1, library: "libdeflate" });
  const lines: string[] = [];
  for (const name of targets.map((one) => `fold-${one}`)) {
    await Bun.write(join(folder, `${name}.gz`), packed);
    lines.push(`${sha256(packed)}  ${name}.gz`, `${sha256(bytes)}  ${name}`);
  }
  await Bun.write(join(folder, "SHA256SUMS"), `${lines.join("\n")}\n`);
}

/** Adds install.sh to a release, and its checksum. */
export function publishInstaller(folder: string): void {
  const text = readFileSync(projectFile("scripts/install.sh"));
  writeFileSync(join(folder, "install.sh"), text);
  appendFileSync(join(folder, "SHA256SUMS"), `${sha256(text)}  install.sh\n`);
}

/** Compiles this project under another version. */
export async function compileVersion(outfile: string, version: string): Promise<void> {
  await compile({ outfile, version });
}

/** The program under test where it may be replaced: a link to it, for it is large, or a copy on another disk. */
export function installed(folder: string, name: string): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  try {
    linkSync(binary, path);
  } catch {
    copyFileSync(binary, path);
  }
  return path;
}

/** Serves releases on loopback in the layout of GitHub, which redirects what is asked of the latest one. */
export class ReleaseServer {
  /** What was asked for, in order. */
  readonly asked: string[] = [];
  /** The version that is the latest one. */
  latest: string;
  /** Answers in the place of the files where it gives any. */
  instead: (path: string) => Response | Promise<Response> | undefined = () => undefined;
  private readonly server: ReturnType<typeof Bun.serve>;

  constructor(
    readonly folder: string,
    latest: string,
  ) {
    this.latest = latest;
    this.server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: (request) => this.answer(request) });
  }

  /** What FOLD_RELEASES has to be. */
  get address(): string {
    return `http://127.0.0.1:${this.server.port}/releases`;
  }

  async stop(): Promise<void> {
    await this.server.stop(true);
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    this.asked.push(pathname);
    const latest = /^\/releases\/latest\/download\/([\w.-]+)$/.exec(pathname);
    if (latest !== null) return Response.redirect(`${this.address}/download/v${this.latest}/${latest[1]}`, 302);
    const replaced = this.instead(pathname);
    if (replaced !== undefined) return await replaced;
    const wanted = /^\/releases\/download\/v([\w.-]+)\/([\w.-]+)$/.exec(pathname);
    const file = Bun.file(join(this.folder, ...(wanted === null ? ["none"] : wanted.slice(1))));
    return (await file.exists()) ? new Response(file) : new Response("no such file", { status: 404 });
  }
}
