// npm run build:all: dist/release/ with every release target, its compressed download, and SHA256SUMS over all of them.
// `npm run build:all -- linux-arm64 windows-x64` builds only those. FOLD_RELEASES, or the variables of a GitHub workflow,
// say where the release will be: that is what its programs upgrade from and its scripts install from.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { compile, root } from "./compile.ts";
import { releasesAddress } from "./releases-address.ts";
import { zipOneFile } from "./zip.ts";

const targets = [
  "linux-x64",
  "linux-x64-baseline",
  "linux-arm64",
  "linux-x64-musl",
  "linux-x64-musl-baseline",
  "linux-arm64-musl",
  "darwin-x64",
  "darwin-x64-baseline",
  "darwin-arm64",
  "windows-x64",
];

const scripts = ["install.sh", "worker.sh"];
const release = join(root, "dist", "release");
const releases = releasesAddress();

async function buildTarget(target: string): Promise<string[]> {
  const isWindows = target.startsWith("windows-");
  const name = `fold-${target}${isWindows ? ".exe" : ""}`;
  await compile({ outfile: join(release, name), target, releases });
  const bytes = await Bun.file(join(release, name)).bytes();
  // Windows opens a .zip without further programs, the others a .gz.
  const download = isWindows ? `fold-${target}.zip` : `${name}.gz`;
  const packed = isWindows ? zipOneFile("fold.exe", bytes) : Bun.gzipSync(bytes, { level: 9, library: "libdeflate" });
  await Bun.write(join(release, download), packed);
  const mb = (size: number) => `${(size / 1e6).toFixed(1)} MB`;
  console.log(
    `${name.padEnd(28)} ${mb(bytes.length).padStart(9)}   ${download.padEnd(32)} ${mb(packed.length).padStart(8)}`,
  );
  return [name, download];
}

/** The scripts that are downloaded by themselves, with the address of this release's page in them. */
async function addScripts(): Promise<string[]> {
  const unset = `releases="\${FOLD_RELEASES:-}"`;
  for (const name of scripts) {
    const text = await Bun.file(join(root, "scripts", name)).text();
    if (!text.includes(unset)) throw new Error(`scripts/${name} has no line ${unset}`);
    const told = releases === undefined ? unset : `releases="\${FOLD_RELEASES:-${releases}}"`;
    await Bun.write(
      join(release, name),
      text.replace(unset, () => told),
    );
  }
  return scripts;
}

async function sumLine(name: string): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256").update(await Bun.file(join(release, name)).bytes()).digest("hex");
  return `${hash}  ${name}\n`;
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((target) => !targets.includes(target));
if (unknown.length > 0) throw new Error(`no such target: ${unknown.join(", ")}; there are ${targets.join(", ")}`);

rmSync(release, { recursive: true, force: true });
const names: string[] = [];
for (const target of wanted.length > 0 ? wanted : targets) names.push(...(await buildTarget(target)));
names.push(...(await addScripts()));
const sums = await Promise.all(names.sort().map(sumLine));
await Bun.write(join(release, "SHA256SUMS"), sums.join(""));
console.log(`${names.length} files and SHA256SUMS in dist/release`);
