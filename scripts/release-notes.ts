// node_modules/.bin/bun scripts/release-notes.ts v1.2.0: the notes of a release, from the commits since the tag before.
import packageJson from "../package.json" with { type: "json" };
import { root } from "./compile.ts";
import { releasesAddress } from "./releases-address.ts";

const INSTALL = "https://github.com/OWNER/REPOSITORY/releases";

/** What people read about a release. */
export function releaseNotes(tag: string, changes: readonly string[], releases = INSTALL): string {
  const lines = changes.map((change) => `- ${change}`);
  return `${lines.length > 0 ? lines.join("\n") : "No changes."}

## Install

\`\`\`sh
curl -fsSL ${releases}/download/${tag}/install.sh | sh -s -- --version ${tag.slice(1)}
\`\`\`

It is installed as \`orthofold\`. Who has it already: \`orthofold upgrade\`, and \`orthofold upgrade --rollback\` for the way back.
SHA256SUMS holds the checksums of all downloads and of the programs in them.
`;
}

/** Subjects of the commits since the tag before; all of them where there is none. */
export function changesBefore(tag: string, folder: string): string[] {
  const git = (...args: string[]) => Bun.spawnSync(["git", ...args], { cwd: folder, stderr: "ignore" });
  const before = git("describe", "--tags", "--abbrev=0", "--match=v[0-9]*", `${tag}^`).stdout.toString().trim();
  const log = git("log", "--no-merges", "--format=%s", before === "" ? tag : `${before}..${tag}`);
  if (!log.success) throw new Error(`git knows no tag ${tag}`);
  return log.stdout.toString().split("\n").filter(Boolean);
}

/** Refuses a tag that says another version than the program will. */
export function checkTag(tag: string, version: string): void {
  if (tag !== `v${version}`) throw new Error(`the tag ${tag} is not v${version}, the version in package.json`);
}

if (import.meta.main) {
  const [tag = ""] = process.argv.slice(2);
  checkTag(tag, packageJson.version);
  console.log(releaseNotes(tag, changesBefore(tag, root), releasesAddress()).trimEnd());
}
