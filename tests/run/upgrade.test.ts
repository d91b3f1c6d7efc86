// State directories that earlier releases have left. tests/fixtures/state-0.1.0 was written by fold 0.1.0 at commit
// 22b10cd: three archives, and what was there of a fold that was killed, its parts aside.
import { expect, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Archive } from "../../src/archive/reader.ts";
import type { Status } from "../../src/cli/status.ts";
import { call, report } from "../support/binary.ts";
import { sampleText } from "../support/sample.ts";
import { withFolder } from "../support/temporary.ts";

const old = join(import.meta.dir, "../fixtures/state-0.1.0");

function withOldState<T>(body: (state: string) => Promise<T>): Promise<T> {
  return withFolder(async (folder) => {
    const state = join(folder, "state");
    cpSync(old, state, { recursive: true });
    return await body(state);
  });
}

async function statusOf(state: string): Promise<Status> {
  return JSON.parse((await call(["status", "--json", "--state-dir", state])).stdout) as Status;
}

test("archives of 0.1.0 are listed, shown and sound", async () => {
  await withOldState(async (state) => {
    const { archives } = await statusOf(state);
    expect(archives.map(({ name, orthos }) => `${name} ${orthos}`)).toEqual([
      "letters 14",
      "letters.max-dims-all 15",
      "tale 11",
    ]);
    for (const { name, tar_sha256 } of archives) {
      expect((await report(["show", name, "--state-dir", state])).tar_sha256).toBe(tar_sha256);
      expect((await call(["verify", name, "--state-dir", state])).exit).toBe(0);
    }
  });
});

test("chunks of 0.1.0 are in no archive of today: what would be copied is folded anew", async () => {
  await withOldState(async (state) => {
    const tale = join(state, "archives", "tale.tar.zst");
    const merged = await report(["merge", tale, tale, "--name", "twice", "--out", state]);
    const archive = await Archive.open(join(state, "twice.tar.zst"));
    archive.close();
    expect(archive.manifest.format).toBe(2);
    expect(merged.orthos).toBe(11);
    expect((await call(["verify", join(state, "twice.tar.zst")])).exit).toBe(0);
    const exported = async (path: string) => (await call(["export", path])).stdout;
    expect(await exported(join(state, "twice.tar.zst"))).toBe(await exported(tale));
  });
});

test("workers merge them with what is new, as if all had been folded in one go", async () => {
  await withOldState(async (state) => {
    mkdirSync(join(state, "input"));
    writeFileSync(join(state, "input", "log.txt"), sampleText);
    expect((await call(["work", "--merge", "--quiet", "--state-dir", state])).exit).toBe(0);
    const { archives, jobs } = await statusOf(state);
    expect(jobs).toEqual([]);
    // Two: what was folded in all dimensions does not go with the others.
    const [other, merged] = archives;
    expect(other.name).toBe("letters.max-dims-all");
    expect([...merged.lineage.matchAll(/"(\w+)"/g)].map((match) => match[1]).sort()).toEqual([
      "letters",
      "log",
      "tale",
    ]);
    const texts = join(state, "..", "texts");
    mkdirSync(texts);
    writeFileSync(join(texts, "log.txt"), sampleText);
    writeFileSync(join(texts, "both.txt"), `${bothTexts}\n`);
    const whole = await report(["run", texts, "--merge", "--name", "whole", "--out", join(state, "..", "out")]);
    const { content_sha256 } = await report(["show", merged.name, "--state-dir", state]);
    expect(content_sha256).toBe(whole.content_sha256);
  });
});

test("a fold that 0.1.0 has not finished is begun anew, and leaves nothing behind", async () => {
  await withOldState(async (state) => {
    const text = join(state, "..", "ships-log.txt");
    writeFileSync(text, sampleText);
    const out = join(state, "archives");
    const { orthos } = await report(["run", text, "--max-dims", "3", "--out", out]);
    expect(orthos).toBeGreaterThan(100_000);
    expect(existsSync(join(out, "ships-log.max-dims-3.tar.zst.work"))).toBe(false);
  });
});

/** The texts of the fixture's archives. */
const bothTexts = `the old man sat. the young man ran. old men sat. sat there, ran here. young men ran. all the readers.
his case of. all his, the case, readers of.

a b c. d e f. g h i. a d g. b e h. c f i. a j. b k. d l. e m. j k. l m. j l. k m.`;
