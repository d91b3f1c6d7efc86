// npm start: builds fold, folds the sample text and shows what came of it. A second run finds all of it done.
import { binary, buildIfStale } from "./build.ts";
import { root } from "./compile.ts";

const sample = "scripts/sample/ships-log.txt";
const archive = "fold_state/archives/ships-log.tar.zst";

async function fold(...args: string[]): Promise<void> {
  console.log(`\n$ dist/fold ${args.join(" ")}`);
  const child = Bun.spawn([binary, ...args], { cwd: root, stdio: ["inherit", "inherit", "inherit"] });
  const exitCode = await child.exited;
  if (exitCode !== 0) process.exit(exitCode);
}

await buildIfStale();
await fold("run", sample, "--quiet");
await fold("show", archive);
console.log(`
Next, fold a text of your own:  dist/fold run path/to/book.txt
All commands:                   dist/fold help`);
