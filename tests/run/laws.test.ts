// What must not make a difference: threads, shards, the order and the way in which texts come together.
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { call, report } from "../support/binary.ts";
import { samplePath, sampleText } from "../support/sample.ts";
import { withFolder } from "../support/temporary.ts";

/** Three texts that share sentences: pieces of the sample. */
function writeTexts(folder: string): string[] {
  return [
    [0, 9000],
    [6000, 16000],
    [14000, 22000],
  ].map(([from, to], i) => {
    const path = join(folder, `${"abc"[i]}.txt`);
    writeFileSync(path, sampleText.slice(from, to));
    return path;
  });
}

describe("the result does not depend on", () => {
  test("the number of threads", async () => {
    await withFolder(async (folder) => {
      const hashes = new Set<string | null>();
      for (const threads of ["1", "2", "7"]) {
        const out = join(folder, threads);
        hashes.add((await report(["run", samplePath, "--out", out, "--threads", threads])).tar_sha256);
      }
      expect(hashes.size).toBe(1);
    });
  });

  test("shards: disjoint, complete, and joined to the same archive in any order", async () => {
    await withFolder(async (folder) => {
      const whole = await report(["run", samplePath, "--out", join(folder, "whole")]);
      const shards: (string | null)[] = [];
      let orthos = 0;
      for (const number of [3, 1, 5, 2, 4]) {
        const shard = await report(["run", samplePath, "--shard", `${number}/5`, "--out", folder]);
        orthos += shard.orthos;
        shards.push(shard.archive);
      }
      expect(orthos).toBe(whole.orthos);
      const joined = await report(["merge", ...(shards as string[]), "--out", join(folder, "joined")]);
      expect(joined.tar_sha256).toBe(whole.tar_sha256);
      const missing = await call(["merge", ...(shards.slice(1) as string[]), "--out", folder]);
      expect(missing.exit).toBe(2);
      expect(missing.stderr).toContain("3/5");
    });
  });

  test("how texts are merged: commutative, associative, idempotent, equal to folding the union", async () => {
    await withFolder(async (folder) => {
      const texts = writeTexts(folder);
      const out = ["--out", folder];
      const archives: string[] = [];
      for (const text of texts) archives.push((await report(["run", text, ...out])).archive as string);
      const [a, b, c] = archives;
      const union = await report(["run", ...texts, "--merge", ...out]);
      const merge = (...parts: string[]) => report(["merge", ...parts, ...out]);
      const ab = await merge(a, b);
      const bc = await merge(b, c);
      const ways = [
        await merge(a, b, c),
        await merge(c, a, b),
        await merge(ab.archive as string, c),
        await merge(a, bc.archive as string),
        await merge(ab.archive as string, bc.archive as string),
      ];
      for (const way of ways) expect(way.content_sha256).toBe(union.content_sha256);
      expect(ways[0].tar_sha256).toBe(union.tar_sha256);
      expect(ways[2].lineage).toBe('(("a" "b") "c")');
      expect((await merge(a, a)).content_sha256).toBe((await report(["show", a])).content_sha256);
    });
  });

  test("a text that is folded already: said, and nothing done", async () => {
    await withFolder(async (folder) => {
      const first = await report(["run", samplePath, "--out", folder]);
      const again = await call(["run", samplePath, "--out", folder]);
      expect(again.exit).toBe(0);
      expect(again.stdout).toContain("already folded");
      const told = await report(["run", samplePath, "--out", folder]);
      expect({ ...told, elapsed_ms: 0, threads: 0, peak_rss_bytes: 0 }).toEqual({
        ...first,
        elapsed_ms: 0,
        threads: 0,
        peak_rss_bytes: 0,
      });
    });
  });
});
