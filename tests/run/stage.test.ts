// `fold stage` as users call it: what it writes, says and refuses, and that folding the pieces is folding the text.
import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { StageReport } from "../../src/cli/stage.ts";
import { type CallOptions, call, report, start } from "../support/binary.ts";
import { sentencesOf } from "../support/brute-force.ts";
import { samplePath, sampleText } from "../support/sample.ts";
import { mountSmallDisk, unmount } from "../support/small-disk.ts";
import { withFolder } from "../support/temporary.ts";

const day = "^(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\\.";
const book = "CHAPTER I.\n\nA b. C d,\ne f.\n\nCHAPTER II.\n\nG h. I j.\n";

async function staged(args: readonly string[], options: CallOptions): Promise<StageReport> {
  const { exit, stdout, stderr } = await call(["stage", ...args, "--json"], options);
  if (exit !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as StageReport;
}

/** The pieces of a report, as they are on the disk. */
function contents({ pieces }: StageReport, folder: string): string[] {
  return pieces.map(({ file }) => readFileSync(join(folder, file), "utf8"));
}

/** Run with a folder in which these files are. */
function withFiles<T>(files: Record<string, string | Uint8Array>, body: (folder: string) => Promise<T>): Promise<T> {
  return withFolder(async (folder) => {
    for (const [file, content] of Object.entries(files)) {
      mkdirSync(join(folder, file, ".."), { recursive: true });
      writeFileSync(join(folder, file), content);
    }
    return await body(folder);
  });
}

describe("folding all pieces is folding the text", () => {
  const ways: [name: string, args: string[], text: string][] = [
    ["by a pattern", ["--by", day], sampleText],
    ["by paragraph, joined", ["--by", "paragraph", "--min-words", "400"], sampleText],
    ["by sentence, within limits", ["--by", "sentence", "--min-words", "200", "--max-words", "300"], sampleText],
    [
      "CRLF, a mark, no final line feed",
      ["--by", "paragraph"],
      `\uFEFF${sampleText.replaceAll("\n", "\r\n").trimEnd()}`,
    ],
  ];
  test.each(ways)("%s", async (_, args, text) => {
    await withFiles({ "log.txt": text }, async (folder) => {
      const cut = await staged(["log.txt", ...args], { cwd: folder });
      expect(cut.pieces.length).toBeGreaterThan(5);
      const pieces = cut.pieces.map(({ file }) => join(folder, file));
      const joined = await report(["run", ...pieces, "--merge", "--out", join(folder, "joined"), "--name", "log"]);
      const whole = await report(["run", join(folder, "log.txt"), "--out", join(folder, "whole")]);
      expect(joined.orthos).toBeGreaterThan(1000);
      expect(joined.content_sha256).toBe(whole.content_sha256);
      expect(cut.words).toBe(sentencesOf(text).flat().length);
    });
  });
});

test("a name that is refused keeps the texts before it from being staged", async () => {
  await withFiles({ "my book.txt": book, ".hidden.txt": book }, async (folder) => {
    const { exit, stderr } = await call(["stage", "my book.txt", ".hidden.txt"], { cwd: folder });
    expect([exit, stderr]).toEqual([2, expect.stringContaining('".hidden" begins with a dot')]);
    expect(existsSync(join(folder, "fold_state"))).toBe(false);
  });
});

test("workers fold the pieces, and what they merge is the archive of the whole", async () => {
  await withFiles({ "log.txt": sampleText }, async (folder) => {
    const { pieces } = await staged(["log.txt", "--by", day, "--min-words", "900"], { cwd: folder });
    expect(pieces.length).toBeGreaterThan(2);
    const workers = await Promise.all(
      [1, 2].map(() =>
        call(["work", "--merge", "--threads", "1", "--quiet"], { cwd: folder, env: { FOLD_WHOLE_BELOW: "0" } }),
      ),
    );
    expect(workers.map(({ exit, stderr }) => [exit, stderr])).toEqual([
      [0, ""],
      [0, ""],
    ]);
    const archives = join(folder, "fold_state/archives");
    const left = readdirSync(archives, { recursive: true }).filter((name) => String(name).endsWith(".json"));
    expect(left).toHaveLength(1);
    const joined = await report(["show", String(left[0]).slice(0, -".json".length)], { cwd: folder });
    const whole = await report(["run", "log.txt", "--out", "whole"], { cwd: folder });
    expect(joined.content_sha256).toBe(whole.content_sha256);
    for (const { file } of pieces)
      expect(joined.lineage).toContain(JSON.stringify(file.slice("fold_state/input/".length, -4)));
    const again = await staged(["log.txt", "--by", day, "--min-words", "900"], { cwd: folder });
    expect([again.status, again.waiting]).toEqual(["already_staged", 0]);
  });
});

describe("what it does", () => {
  test("pieces in a folder named after the text, told in one line", async () => {
    await withFiles({ "book.txt": book }, async (folder) => {
      const ended = await call(["stage", "book.txt"], { cwd: folder });
      expect(ended).toEqual({ exit: 0, stdout: "book: 2 inputs, 14 words, fold_state/input/book\n", stderr: "" });
      const again = await staged(["book.txt"], { cwd: folder });
      expect(contents(again, folder)).toEqual([
        book.slice(0, book.indexOf("CHAPTER II")),
        book.slice(book.indexOf("CHAPTER II")),
      ]);
      expect(again).toEqual({
        text: "book",
        status: "already_staged",
        words: 14,
        pieces: [
          { file: "fold_state/input/book/0001.txt", words: 8 },
          { file: "fold_state/input/book/0002.txt", words: 6 },
        ],
        waiting: 2,
        left_out: 0,
        too_large: 0,
        too_small: 0,
      });
      const told = await call(["stage", "book.txt"], { cwd: folder });
      expect(told.stdout).toBe("book: already staged, nothing to do: 2 inputs in fold_state/input/book, 2 waiting\n");
      expect(await call(["stage", "book.txt", "--quiet"], { cwd: folder })).toEqual({
        exit: 0,
        stdout: "",
        stderr: "",
      });
    });
  });

  test("the state directory: option before FOLD_STATE_DIR before LOCAL_STATE_DIR", async () => {
    await withFiles({ "book.txt": book }, async (cwd) => {
      const fileOf = async (args: string[], env: Record<string, string>) =>
        (await staged(["book.txt", ...args], { cwd, env })).pieces[0].file;
      const LOCAL_STATE_DIR = join(cwd, "local");
      const FOLD_STATE_DIR = join(cwd, "own");
      expect(await fileOf([], { LOCAL_STATE_DIR })).toBe(join(cwd, "local/input/book/0001.txt"));
      expect(await fileOf([], { LOCAL_STATE_DIR, FOLD_STATE_DIR })).toBe(join(cwd, "own/input/book/0001.txt"));
      expect(await fileOf(["--state-dir", "x"], { LOCAL_STATE_DIR, FOLD_STATE_DIR })).toBe("x/input/book/0001.txt");
      expect(readdirSync(cwd).sort()).toEqual(["book.txt", "local", "own", "x"]);
    });
  });

  test("--dry-run lists the pieces and writes nothing", async () => {
    await withFiles({ "book.txt": book }, async (folder) => {
      const { exit, stdout, stderr } = await call(["stage", "book.txt", "--dry-run"], { cwd: folder });
      expect([exit, stderr]).toEqual([0, ""]);
      expect(stdout).toBe(
        "fold_state/input/book/0001.txt  8 words  CHAPTER I. A b. C d, e f.\n" +
          "fold_state/input/book/0002.txt  6 words  CHAPTER II. G h. I j.\n",
      );
      expect(await staged(["book.txt", "--dry-run"], { cwd: folder })).toMatchObject({
        status: "dry_run",
        waiting: null,
      });
      expect(readdirSync(folder)).toEqual(["book.txt"]);
    });
  });

  test("standard input, files and folders of *.txt in one call; one JSON object a text", async () => {
    await withFiles(
      { "more/b.txt": book, "more/deep/c.txt": "x y", "more/d.md": "z", "a.md": "# A\n\nb.\n# C\nd" },
      async (cwd) => {
        const { exit, stdout } = await call(["stage", "-", "a.md", "more", "--json"], {
          cwd,
          input: "I.\n\na\n\nII.\n\nb",
        });
        expect(exit).toBe(0);
        const reports = stdout
          .trimEnd()
          .split("\n")
          .map((line) => JSON.parse(line) as StageReport);
        expect(reports.map(({ text, pieces }) => [text, pieces.length])).toEqual([
          ["stdin", 2],
          ["a.md", 2],
          ["b", 2],
          ["c", 1],
        ]);
      },
    );
  });

  test("odd texts: as they are written, to the byte", async () => {
    const text = "\uFEFF\uFEFFcafe\u0301\u037E \u0301x\r\n\r\n\u2019y\u2019z.\u2019 a\u{10428}\r\nb";
    await withFiles({ "odd.txt": text }, async (folder) => {
      const cut = await staged(["odd.txt", "--by", "sentence"], { cwd: folder });
      expect(contents(cut, folder)).toEqual([
        "\uFEFFcafe\u0301\u037E ",
        "\u0301x\r\n\r\n",
        "\u2019y\u2019z.\u2019 ",
        "a\u{10428}\r\nb",
      ]);
      expect(contents(cut, folder).flatMap(sentencesOf)).toEqual(sentencesOf(text));
    });
  });

  test("a sentence beyond the limit stays whole, and that is said", async () => {
    await withFiles({ "a.txt": "a b c d e. f g.\n\nh" }, async (folder) => {
      const { exit, stderr } = await call(["stage", "a.txt", "--max-words", "3"], { cwd: folder });
      expect(exit).toBe(0);
      expect(stderr).toContain("a: 1 sentence of more than 3 words: not cut");
      expect(await staged(["a.txt", "--max-words", "3"], { cwd: folder })).toMatchObject({ too_large: 1 });
      expect(readdirSync(join(folder, "fold_state/input/a")).sort()).toEqual([".staged.json", "0001.txt", "0002.txt"]);
    });
  });

  test("no chapter, no line that matches: one piece, and a warning", async () => {
    await withFiles({ "a.txt": "a b. c" }, async (cwd) => {
      const [chapters, lines] = [
        await call(["stage", "a.txt"], { cwd }),
        await call(["stage", "a.txt", "--by", "^x"], { cwd }),
      ];
      expect(chapters.stderr).toContain("warning: a: no chapter was found");
      expect(lines.stderr).toContain("warning: a: no line matches ^x");
      expect([chapters.exit, lines.exit]).toEqual([0, 0]);
      expect(lines.stdout).toContain("already staged");
    });
  });
});

interface Mistake {
  readonly args: readonly string[];
  readonly exit: number;
  readonly message: string | RegExp;
  readonly files?: Record<string, string | Uint8Array>;
}

const latin1 = new Uint8Array([...new TextEncoder().encode("a caf"), 0xe9, 0x20, 0x62]);
const mistakes: Record<string, Mistake> = {
  "no file": { args: [], exit: 2, message: "FILE" },
  "a missing file": { args: ["gone.txt"], exit: 5, message: "no such file" },
  "a bad pattern": { args: ["a.txt", "--by", "("], exit: 2, message: /--by cannot be "\(": missing \)/ },
  "a pattern that backtracks without end": {
    args: ["a.txt", "--by", "^(a+)+$"],
    files: { "a.txt": `b\n${"a".repeat(60)}!` },
    exit: 2,
    message: /the pattern \^\(a\+\)\+\$ takes too long, on the line "aaaa/,
  },
  "a backend that there is not": {
    args: ["a.txt", "--storage-backend", "tape"],
    files: { "a.txt": "a b" },
    exit: 2,
    message: '--storage-backend cannot be "tape"',
  },
  "no pattern": { args: ["a.txt", "--by", ""], exit: 2, message: "--by needs a value" },
  "limits that cross": { args: ["a.txt", "--min-words", "9", "--max-words", "3"], exit: 2, message: "more than --max" },
  "a limit of none": { args: ["a.txt", "--max-words", "0"], exit: 2, message: "--max-words cannot be" },
  "an empty text": { args: ["a.txt"], files: { "a.txt": "" }, exit: 1, message: "a.txt holds no words" },
  "a text of signs": { args: ["a.txt"], files: { "a.txt": "1 -- !\n\n2" }, exit: 1, message: "a.txt holds no words" },
  "not UTF-8": { args: ["a.txt"], files: { "a.txt": latin1 }, exit: 1, message: "byte 0xe9 at byte offset 5" },
  "a hidden name": { args: [".a.txt"], files: { ".a.txt": "a b" }, exit: 2, message: "begins with a dot" },
  "two texts of one name": {
    args: ["x/a.txt", "y/a.txt"],
    files: { "x/a.txt": "a b", "y/a.txt": "b c" },
    exit: 2,
    message: 'input "a"',
  },
  "more pieces than a folder should hold": {
    args: ["a.txt", "--by", "sentence"],
    files: { "a.txt": "a. ".repeat(100_001) },
    exit: 2,
    message: "100,001 inputs, more than 100,000",
  },
};

describe("mistakes", () => {
  test.each(Object.entries(mistakes))("%s", async (_, { args, exit, message, files = {} }) => {
    await withFiles(files, async (folder) => {
      const ended = await call(["stage", ...args], { cwd: folder });
      expect(ended.stderr).toMatch(message);
      expect(ended.stderr).toContain("hint: ");
      expect([ended.exit, ended.stdout]).toEqual([exit, ""]);
      expect(existsSync(join(folder, "fold_state"))).toBe(false);
    });
  });

  test("other pieces under the name: refused with the way out, which works", async () => {
    await withFiles({ "a.txt": "I.\n\na b\n\nII.\n\nc d" }, async (cwd) => {
      await staged(["a.txt"], { cwd });
      const refused = await call(["stage", "a.txt", "--by", "paragraph"], { cwd });
      expect([refused.exit, refused.stdout]).toEqual([2, ""]);
      expect(refused.stderr).toContain('other pieces are staged as "a" in fold_state/input/a');
      expect(refused.stderr).toContain("hint: --force");
      const replaced = await staged(["a.txt", "--by", "paragraph", "--force"], { cwd });
      expect([replaced.status, replaced.pieces.length]).toEqual(["staged", 4]);
    });
  });

  test("one bad text of several: the others are staged, exit code 3", async () => {
    await withFiles({ "texts/good.txt": "a b", "texts/bad.txt": latin1 }, async (cwd) => {
      const ended = await call(["stage", "texts"], { cwd });
      expect(ended.exit).toBe(3);
      expect(ended.stderr).toContain("1 of 2 texts could not be staged");
      expect(readdirSync(join(cwd, "fold_state/input"))).toEqual(["good"]);
    });
  });

  test("a device without space: said, and nothing stays", async () => {
    await withFolder(async (folder) => {
      const disk = join(folder, "disk");
      if (!mountSmallDisk(disk, 200)) {
        console.warn("A small file system cannot be mounted here: no space left is not tested.");
        return;
      }
      try {
        const ended = await call(["stage", samplePath, "--by", "sentence", "--state-dir", disk]);
        expect(ended.stderr).toMatch(/no space left on the device; it needs \d+ bytes/);
        expect([ended.exit, ended.stdout]).toEqual([1, ""]);
        expect(readdirSync(join(disk, "input"))).toEqual([]);
      } finally {
        unmount(disk);
      }
    });
  });

  test("a folder that cannot be written to", async () => {
    await withFiles({ "a.txt": "a b", "state/file": "" }, async (folder) => {
      const isRoot = process.getuid?.() === 0;
      chmodSync(join(folder, "state"), 0o555);
      // Root may write anywhere, but not below a file.
      const state = isRoot ? "state/file" : "state";
      const ended = await call(["stage", "a.txt", "--state-dir", state], { cwd: folder });
      chmodSync(join(folder, "state"), 0o755);
      expect(ended.exit).not.toBe(0);
      expect(ended.stderr).toContain("hint: ");
      expect(readdirSync(join(folder, "state"))).toEqual(["file"]);
    });
  });
});

describe("stopped", () => {
  test("while it writes: nothing stays, and the next call stages all", async () => {
    await withFiles({ "a.txt": "word other.\n\n".repeat(2000) }, async (cwd) => {
      const args = ["a.txt", "--by", "paragraph"];
      const input = join(cwd, "fold_state/input");
      const { child, ended } = start(["stage", ...args], { cwd });
      const isWriting = () => existsSync(input) && readdirSync(input).some((name) => name.startsWith(".stage-"));
      while (!isWriting() && child.exitCode === null) await Bun.sleep(1);
      child.kill("SIGINT");
      const { exit, stderr } = await ended;
      expect(exit).toBe(130);
      expect(stderr).toContain("stopped before the text was staged");
      expect(readdirSync(input)).toEqual([]);
      expect((await staged(args, { cwd })).pieces).toHaveLength(2000);
    });
  });
});

test("the sample, by its days", async () => {
  await withFolder(async (cwd) => {
    const { pieces, words } = await staged([samplePath, "--by", day, "--dry-run"], { cwd });
    expect(pieces.length).toBe(sampleText.split("\n").filter((line) => new RegExp(day).test(line)).length + 1);
    expect(words).toBe(sentencesOf(sampleText).flat().length);
  });
});
