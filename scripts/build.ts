// npm run build: dist/fold for this machine.
import { statSync } from "node:fs";
import { join } from "node:path";
import { compile, root } from "./compile.ts";

export const binary = join(root, "dist", process.platform === "win32" ? "fold.exe" : "fold");

/** Builds dist/fold when it is missing or older than what it is made from. */
export async function buildIfStale(): Promise<void> {
  const inputs = ["package.json", "package-lock.json", "scripts/compile.ts"];
  for await (const path of new Bun.Glob("src/**/*").scan(root)) inputs.push(path);
  const newest_ms = Math.max(...inputs.map((path) => modified_ms(join(root, path))));
  if (modified_ms(binary) < newest_ms) await build();
}

/** Builds dist/fold. */
export async function build(): Promise<void> {
  const start_ms = performance.now();
  await compile({ outfile: binary });
  const size_mb = Math.round(statSync(binary).size / 1e6);
  console.log(`built dist/fold, ${size_mb} MB, in ${((performance.now() - start_ms) / 1000).toFixed(1)} s`);
}

function modified_ms(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

if (import.meta.main) await build();
