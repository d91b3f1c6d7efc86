// Compiles fold into one executable: the steps that a build for this machine and a release have in common.
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { THREADS } from "../src/threads.ts";

export const root = resolve(import.meta.dir, "..");

// A worker's file must be an entry point of its own, or the executable does not hold it. Their paths inside the
// executable are relative to src/, because that is the folder which main.ts and they have in common.
const entryPoints = ["src/main.ts", ...THREADS.map((source) => `src/${source}.ts`)];

const flags = [
  "--compile",
  "--minify",
  "--bytecode",
  "--splitting",
  "--format=esm",
  "--sourcemap",
  // Without these two the executable would read .env and bunfig.toml of the folder it is started in, and run
  // the preload script that it finds there.
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
  "--compile-exec-argv=--no-orphans",
  // The migrations of the database, as the folder drizzle beside the program (src/db/migrations.ts).
  "--asset=./drizzle",
];

/** The path of an executable's loader stands behind its headers. */
const HEADERS_BYTES = 4096;

export interface CompileOptions {
  /** Where the executable goes. */
  readonly outfile: string;
  /** A release target such as "linux-x64-musl"; left out: this machine. */
  readonly target?: string;
  /** What the executable says its version is; left out: package.json's. */
  readonly version?: string;
  /** Address of the releases that it upgrades itself from; left out: it has to be told. */
  readonly releases?: string | undefined;
}

/** Compiles fold; throws when Bun reports an error or when a path of this machine got into the executable. */
export async function compile(options: CompileOptions): Promise<void> {
  const { outfile } = options;
  mkdirSync(dirname(outfile), { recursive: true });
  // Built aside and renamed: an executable that is running cannot be written to, and Bun leaves source maps beside
  // its output that are inside the executable already.
  const folder = mkdtempSync(join(dirname(outfile), ".build-"));
  try {
    const built = join(folder, outfile.endsWith(".exe") ? "fold.exe" : "fold");
    await runBunBuild({ ...options, outfile: built });
    refusePathsOfThisMachine(built);
    renameSync(built, outfile);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runBunBuild({ outfile, target, version, releases }: CompileOptions): Promise<void> {
  const define = (name: string, value: string | undefined) =>
    value === undefined ? [] : [`--define=${name}=${JSON.stringify(value)}`];
  const build = Bun.spawn(
    [
      process.execPath,
      "build",
      ...flags,
      ...(target === undefined ? [] : [`--target=bun-${target}`]),
      ...define("FOLD_COMMIT", commit()),
      ...define("FOLD_TARGET", target ?? hostTarget()),
      ...define("FOLD_VERSION", version),
      ...define("FOLD_RELEASES", releases),
      ...entryPoints,
      `--outfile=${outfile}`,
    ],
    { cwd: root, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  const [stdout, stderr] = await Promise.all([build.stdout.text(), build.stderr.text(), build.exited]);
  if (build.exitCode !== 0) throw new Error(`bun build failed for ${target ?? "this machine"}:\n${stdout}${stderr}`);
}

function refusePathsOfThisMachine(executable: string): void {
  const bytes = readFileSync(executable);
  // A home folder of "/" or "/root" is no secret.
  const found = [root, homedir()].filter((path) => path.length > 5 && holdsPath(bytes, path));
  if (found.length === 0) return;
  // Bun's own runtime holds paths such as /build and /workspace, and a project may be in a folder of that name.
  const runtime = readFileSync(process.execPath);
  const told = found.find((path) => !holdsPath(runtime, path));
  if (told !== undefined) throw new Error(`${told} is in the executable; it must not tell where it was built`);
}

/** Whether bytes name a path or something in it; in "/$bunfs/root/main-1.js" there is no "/root/main". */
export function holdsPath(bytes: Uint8Array, path: string): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Buffer.byteLength(path);
  for (let at = buffer.indexOf(path); at >= 0; at = buffer.indexOf(path, at + 1)) {
    const around = [at - 1, at + length].map((place) => String.fromCharCode(buffer[place] ?? 0));
    if (!around.some((character) => /[\w.$-]/.test(character))) return true;
  }
  return false;
}

/** The commit, marked when files differ from it; "unknown" outside of a git checkout. */
function commit(): string {
  // Asked only at the project's own root: sources unpacked inside another repository are not that repository's commit.
  if (!existsSync(join(root, ".git"))) return "unknown";
  const program = Bun.which("git");
  if (program === null) return "unknown";
  const git = Bun.spawnSync([program, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"], { cwd: root });
  return git.success ? git.stdout.toString().trim() : "unknown";
}

/** The release target of this machine. */
export function hostTarget(): string {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  return `${platform}-${process.arch}${process.platform === "linux" && isForMusl(process.execPath) ? "-musl" : ""}`;
}

/** Whether musl loads an executable; its loader may lie beside glibc on a machine, so that says nothing. */
function isForMusl(executable: string): boolean {
  const start = Buffer.alloc(HEADERS_BYTES);
  const handle = openSync(executable, "r");
  try {
    readSync(handle, start);
  } finally {
    closeSync(handle);
  }
  return start.includes("/lib/ld-musl-");
}
