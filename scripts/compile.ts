// Compiles fold into one executable: the steps that a build for this machine and a release have in common.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";

export const root = resolve(import.meta.dir, "..");

// A worker's file must be an entry point of its own, or the executable does not hold it. Their paths inside the
// executable are relative to src/, because that is the folder which main.ts and they have in common.
const entryPoints = ["src/main.ts", "src/jobs/walk-worker.ts"];

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
];

export interface CompileOptions {
  /** Where the executable goes. */
  readonly outfile: string;
  /** A release target such as "linux-x64-musl"; left out: this machine. */
  readonly target?: string;
}

/** Compiles fold; throws when Bun reports an error or when a path of this machine got into the executable. */
export async function compile({ outfile, target }: CompileOptions): Promise<void> {
  mkdirSync(dirname(outfile), { recursive: true });
  // Built aside and renamed: an executable that is running cannot be written to, and Bun leaves source maps beside
  // its output that are inside the executable already.
  const folder = mkdtempSync(join(dirname(outfile), ".build-"));
  try {
    const built = join(folder, outfile.endsWith(".exe") ? "fold.exe" : "fold");
    await runBunBuild(built, target);
    refusePathsOfThisMachine(built);
    renameSync(built, outfile);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runBunBuild(outfile: string, target: string | undefined): Promise<void> {
  const build = Bun.spawn(
    [
      process.execPath,
      "build",
      ...flags,
      ...(target === undefined ? [] : [`--target=bun-${target}`]),
      `--define=FOLD_COMMIT=${JSON.stringify(commit())}`,
      `--define=FOLD_TARGET=${JSON.stringify(target ?? hostTarget())}`,
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
  // A home folder of "/" or "/root" is no secret, and Bun's own runtime holds the latter.
  const paths = [root, homedir()].filter((path) => path.length > 5);
  const found = paths.find((path) => bytes.includes(path));
  if (found !== undefined) throw new Error(`${found} is in the executable; it must not tell where it was built`);
}

/** The commit, marked when files differ from it; "unknown" outside of a git checkout. */
function commit(): string {
  // Asked only at the project's own root: sources unpacked inside another repository are not that repository's commit.
  if (!existsSync(join(root, ".git"))) return "unknown";
  const git = Bun.spawnSync(["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"], { cwd: root });
  return git.success ? git.stdout.toString().trim() : "unknown";
}

function hostTarget(): string {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const arch = process.arch === "arm64" ? "aarch64" : "x86_64";
  const musl = process.platform === "linux" && existsSync(`/lib/ld-musl-${arch}.so.1`);
  return `${platform}-${process.arch}${musl ? "-musl" : ""}`;
}
