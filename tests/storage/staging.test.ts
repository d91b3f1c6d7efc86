// Pieces get into the inputs all at once or not at all, once, and never over something else.
import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { interceptChanges } from "../../src/storage/local/files.ts";
import { textsBelow } from "../../src/storage/local/layout.ts";
import { pieceFiles, type StageOptions, stageTexts } from "../../src/storage/local/staging.ts";
import { foldErrorOf } from "../support/folds.ts";
import { withFolder } from "../support/temporary.ts";

const signal = new AbortController().signal;
const texts = ["a b.\n", "c d.\n", "\uFEFFe\r\n"];
const names = ["book/0001.txt", "book/0002.txt", "book/0003.txt"];

function stage(input: string, pieces: readonly string[], options: Partial<StageOptions> = {}) {
  return stageTexts(input, "book", pieces, { force: false, signal, ...options });
}

/** What workers would find, by name. */
function found(input: string): Record<string, string> {
  return Object.fromEntries(textsBelow(input).map((name) => [name, readFileSync(join(input, name), "utf8")]));
}

const whole = Object.fromEntries(names.map((name, i) => [name, texts[i]]));

describe("staging", () => {
  test("every piece, byte for byte, under names in order", async () => {
    await withFolder(async (folder) => {
      const input = join(folder, "state/input");
      expect(await stage(input, texts)).toEqual({ isNew: true, waiting: 3, takenBefore: 0 });
      expect(found(input)).toEqual(whole);
      expect(pieceFiles(input, "book", 3)).toEqual(names.map((name) => join(input, name)));
      expect(readdirSync(input)).toEqual(["book"]);
    });
  });

  test("names sort in the order of the pieces, however many", () => {
    for (const count of [1, 9999, 10_000, 12_345]) {
      const files = pieceFiles("input", "book", count);
      expect(new Set(files).size).toBe(count);
      expect([...files].sort()).toEqual(files);
    }
  });

  test("again: nothing is done, also when workers have taken some or all", async () => {
    await withFolder(async (input) => {
      await stage(input, texts);
      for (let waiting = 3; waiting >= 0; waiting--) {
        const before = found(input);
        expect(await stage(input, texts)).toEqual({ isNew: false, waiting, takenBefore: 0 });
        expect(found(input)).toEqual(before);
        rmSync(join(input, names[waiting - 1] ?? "none"), { force: true });
      }
      // The same text, cut elsewhere: not what was staged, although no piece is left to compare with.
      expect((await foldErrorOf(() => stage(input, ["a b.\nc d.\n", "\uFEFF", "e\r\n"]))).code).toBe("usage");
    });
  });

  test("again, while workers take pieces: one that is gone when it is read was not changed", async () => {
    await withFolder(async (input) => {
      await stage(input, texts);
      // Listed, and not there to be read.
      rmSync(join(input, names[1]));
      symlinkSync("nowhere", join(input, names[1]));
      expect(await stage(input, texts)).toMatchObject({ isNew: false });
    });
  });

  test("other pieces under the name: refused, or replaced when told to", async () => {
    await withFolder(async (input) => {
      await stage(input, texts);
      for (const other of [["a b.\n"], [...texts, "f"], ["a b.\nc d.\n", texts[2]], ["a b.\nc", " d.\n", texts[2]]]) {
        const error = await foldErrorOf(() => stage(input, other));
        expect([error.code, error.message]).toEqual(["usage", expect.stringContaining(join(input, "book"))]);
        expect(error.hint).toContain("--force");
        expect(found(input)).toEqual(whole);
      }
      rmSync(join(input, names[1]));
      expect(await stage(input, ["x"], { force: true })).toEqual({ isNew: true, waiting: 1, takenBefore: 1 });
      expect(found(input)).toEqual({ "book/0001.txt": "x" });
      expect(readdirSync(input)).toEqual(["book"]);
    });
  });

  test("a piece that was changed since is not passed over, and not overwritten without being told", async () => {
    await withFolder(async (input) => {
      await stage(input, texts);
      writeFileSync(join(input, names[1]), "changed");
      expect((await foldErrorOf(() => stage(input, texts))).message).toContain("changed since");
      expect(found(input)[names[1]]).toBe("changed");
      await stage(input, texts, { force: true });
      expect(found(input)).toEqual(whole);
    });
  });

  test("what fold has not put there is never replaced", async () => {
    await withFolder(async (input) => {
      mkdirSync(join(input, "book"));
      writeFileSync(join(input, "book/0001.txt"), "mine");
      for (const force of [false, true]) {
        const error = await foldErrorOf(() => stage(input, texts, { force }));
        expect(error.message).toContain(`${join(input, "book/0001.txt")} is there already`);
      }
      rmSync(join(input, "book/0001.txt"));
      await stage(input, texts);
      writeFileSync(join(input, "book/mine.txt"), "mine");
      const error = await foldErrorOf(() => stage(input, ["x"], { force: true }));
      expect(error.message).toContain("mine.txt");
      expect(found(input)).toEqual({ ...whole, "book/mine.txt": "mine" });
    });
  });

  test("a file where the folder is to be", async () => {
    await withFolder(async (input) => {
      writeFileSync(join(input, "book"), "mine");
      await foldErrorOf(() => stage(input, texts));
      expect(readdirSync(input)).toEqual(["book"]);
      expect(readFileSync(join(input, "book"), "utf8")).toBe("mine");
    });
  });

  test("a name that begins with a dot", async () => {
    for (const name of [".", "..", ".book"]) {
      expect((await foldErrorOf(() => pieceFiles("input", name, 1))).message).toContain("begins with a dot");
    }
  });
});

/** Stage while the Nth change fails, for N = 1, 2, ... until none does; `after` looks at what each has left. */
async function failEachChange(
  prepare: (input: string) => Promise<unknown>,
  act: (input: string) => Promise<unknown>,
  after: (input: string) => Promise<void>,
): Promise<number> {
  for (let nth = 1; ; nth++) {
    const isDone = await withFolder(async (input) => {
      await prepare(input);
      let count = 0;
      const restore = interceptChanges(() => {
        if (++count === nth) throw Object.assign(new Error("no space"), { code: "ENOSPC" });
      });
      try {
        await act(input);
      } catch {
        // What it says is not asked here.
      } finally {
        restore();
      }
      await after(input);
      return count < nth;
    });
    if (isDone) return nth - 1;
  }
}

describe("when something goes wrong", () => {
  test("the Nth change fails: all pieces or none, nothing beside them, and the next try heals", async () => {
    const changes = await failEachChange(
      async () => {},
      (input) => stage(input, texts),
      async (input) => {
        expect([{}, whole]).toContainEqual(found(input));
        await stage(input, texts);
        expect(found(input)).toEqual(whole);
      },
    );
    expect(changes).toBeGreaterThan(texts.length);
  });

  test("the Nth change fails while pieces are replaced: the old ones or the new ones", async () => {
    const other = { "book/0001.txt": "x", "book/0002.txt": "y" };
    const changes = await failEachChange(
      (input) => stage(input, texts),
      (input) => stage(input, ["x", "y"], { force: true }),
      async (input) => {
        expect([whole, other]).toContainEqual(found(input));
        await stage(input, ["x", "y"], { force: true });
        expect(found(input)).toEqual(other);
      },
    );
    expect(changes).toBeGreaterThan(4);
  });

  test("no space: nothing stays", async () => {
    await withFolder(async (input) => {
      const restore = interceptChanges((change) => {
        if (change.includes("0003.txt")) throw Object.assign(new Error("no space"), { code: "ENOSPC" });
      });
      try {
        await expect(stage(input, texts)).rejects.toThrow();
      } finally {
        restore();
      }
      expect(readdirSync(input)).toEqual([]);
    });
  });

  test("stopped: nothing stays", async () => {
    await withFolder(async (input) => {
      const controller = new AbortController();
      const many = Array.from({ length: 500 }, (_, i) => `piece ${"abc"[i % 3]}.`);
      const restore = interceptChanges((change) => {
        if (change.includes("0100.txt")) controller.abort();
      });
      try {
        const error = await foldErrorOf(() => stage(input, many, { signal: controller.signal }));
        expect(error.code).toBe("interrupted");
      } finally {
        restore();
      }
      expect(readdirSync(input)).toEqual([]);
    });
  });

  test("what a killed process has left goes after an hour, and is no input before", async () => {
    await withFolder(async (input) => {
      for (const name of [".stage-old", ".stage-new"]) {
        mkdirSync(join(input, name));
        writeFileSync(join(input, name, "0001.txt"), "half");
      }
      utimesSync(join(input, ".stage-old"), new Date(), new Date(Date.now() - 3_700_000));
      expect(found(input)).toEqual({});
      await stage(input, texts);
      expect(readdirSync(input).sort()).toEqual([".stage-new", "book"]);
    });
  });

  test("several at once: one stages, the others say that it is staged", async () => {
    await withFolder(async (input) => {
      const all = await Promise.all(Array.from({ length: 8 }, () => stage(input, texts)));
      expect(all.filter(({ isNew }) => isNew)).toHaveLength(1);
      expect(found(input)).toEqual(whole);
      expect(readdirSync(input)).toEqual(["book"]);
    });
  });
});
