import packageJson from "../package.json" with { type: "json" };

// scripts/compile.ts puts these in with --define; a run from the sources has none of them, most builds not the last two.
declare const FOLD_COMMIT: string;
declare const FOLD_TARGET: string;
declare const FOLD_VERSION: string;
declare const FOLD_RELEASES: string;

/** What this program was built from and for. */
export const version = {
  fold: typeof FOLD_VERSION === "string" ? FOLD_VERSION : packageJson.version,
  commit: typeof FOLD_COMMIT === "string" ? FOLD_COMMIT : "unknown",
  bun: Bun.version,
  target: typeof FOLD_TARGET === "string" ? FOLD_TARGET : "source",
  /** Address of the releases that this build belongs to; null where it was made outside of one. */
  releases: typeof FOLD_RELEASES === "string" ? FOLD_RELEASES : null,
} as const;

/**
 * The answer to `fold --version`, one line.
 *
 * @example
 * versionLine(); // "fold 0.1.0 (commit 1a2b3c4d5e6f, bun 1.4.5, linux-x64)"
 */
export function versionLine(): string {
  return `fold ${version.fold} (commit ${version.commit}, bun ${version.bun}, ${version.target})`;
}
