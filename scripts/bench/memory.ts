// Peak memory of folding texts of several sizes on several threads, beside what src/jobs/memory.ts foresees, as JSON:
//   bun scripts/bench/memory.ts FOLD BOOK [SECONDS]
// FOLD is the executable, BOOK a text to make longer ones from. Each fold is ended after SECONDS (30): the index is built
// and the walk well under way by then.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { need_bytes } from "../../src/jobs/memory.ts";

const [fold, book, seconds = "30"] = Bun.argv.slice(2);
if (book === undefined) {
  console.error("usage: bun scripts/bench/memory.ts FOLD BOOK [SECONDS]");
  process.exit(2);
}
const WORDS = [10_000, 50_000, 100_000, 400_000, 1_600_000];
const THREADS = [1, 2, 4];
const LOOK_MS = 100;

async function makeText(words: number): Promise<string> {
  const maker = Bun.spawn([process.execPath, join(import.meta.dir, "make-text.ts"), book, String(words)], {
    stdout: "pipe",
  });
  const text = await maker.stdout.text();
  return text
    .split(/(?<= )/)
    .slice(0, words)
    .join("");
}

/** The greatest resident size that the kernel has seen of a process, in bytes; 0 once it has ended. */
function peak(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

async function measure(text: string, threads: number, out: string): Promise<number> {
  const child = Bun.spawn([fold, "run", text, "--threads", String(threads), "--out", out, "--quiet"], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  const end = performance.now() + Number(seconds) * 1000;
  let most = 0;
  while (child.exitCode === null && performance.now() < end) {
    most = Math.max(most, peak(child.pid));
    await Bun.sleep(LOOK_MS);
  }
  child.kill("SIGKILL");
  await child.exited;
  return most;
}

const folder = mkdtempSync(join(tmpdir(), "fold-memory-"));
try {
  for (const words of WORDS) {
    const file = join(folder, `${words}.txt`);
    writeFileSync(file, await makeText(words));
    const text_bytes = Bun.file(file).size;
    for (const threads of THREADS) {
      const peak_bytes = await measure(file, threads, join(folder, "out"));
      rmSync(join(folder, "out"), { recursive: true, force: true });
      console.log(JSON.stringify({ text_bytes, threads, peak_bytes, foreseen_bytes: need_bytes(text_bytes, threads) }));
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
