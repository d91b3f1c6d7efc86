// Each mistake has a message of its own, a hint and an exit code, and leaves nothing half-written behind.
import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binary, call } from "../support/binary.ts";
import { samplePath } from "../support/sample.ts";
import { mountSmallDisk, unmount } from "../support/small-disk.ts";
import { withFolder } from "../support/temporary.ts";

interface Mistake {
  readonly args: readonly string[];
  readonly exit: number;
  readonly message: string;
  /** Files to put into the folder that the call is made in. */
  readonly files?: Record<string, string | Uint8Array>;
}

const latin1 = new Uint8Array([...new TextEncoder().encode("a caf"), 0xe9, 0x20, 0x62]);
const mistakes: Record<string, Mistake> = {
  "an empty text": { args: ["run", "a.txt"], files: { "a.txt": "" }, exit: 1, message: "a.txt holds no words" },
  "a text of signs": { args: ["run", "a.txt"], files: { "a.txt": "123 -- !" }, exit: 1, message: "holds no words" },
  "no text at all": { args: ["run", "/dev/null"], exit: 1, message: "/dev/null is a device and holds no words" },
  "a device without an end": { args: ["estimate", "/dev/zero"], exit: 1, message: "/dev/zero is a device" },
  "a device among texts": {
    args: ["run", "/dev/null", "a.txt", "--no-archive", "--quiet"],
    files: { "a.txt": "a b. c d. a c. b d." },
    exit: 3,
    message: "1 of 2 texts could not be folded",
  },
  "an empty folder": { args: ["run", "."], exit: 1, message: "holds no texts" },
  "not UTF-8": { args: ["run", "a.txt"], files: { "a.txt": latin1 }, exit: 1, message: "byte 0xe9 at byte offset 5" },
  "a missing text": { args: ["run", "gone.txt"], exit: 5, message: "no such file" },
  "an unknown option": { args: ["run", "a.txt", "--thread", "2"], exit: 2, message: "--thread" },
  "an unknown command": { args: ["rnu"], exit: 2, message: "rnu" },
  "no text": { args: ["run"], exit: 2, message: "PATH" },
  "one dimension": { args: ["run", samplePath, "--max-dims", "1"], exit: 2, message: "--max-dims" },
  "no thread": { args: ["run", samplePath, "--threads", "0"], exit: 2, message: "--threads" },
  "shard 9 of 8": { args: ["run", samplePath, "--shard", "9/8"], exit: 2, message: "--shard" },
  "resume and fresh": { args: ["run", samplePath, "--resume", "--fresh"], exit: 2, message: "--fresh" },
  "nothing to resume": { args: ["run", samplePath, "--resume"], exit: 5, message: "nothing to go on from" },
  "two texts of one name": {
    args: ["run", "x/a.txt", "y/a.txt"],
    files: { "x/a.txt": "a b", "y/a.txt": "b c" },
    exit: 2,
    message: 'archive "a"',
  },
  ...Object.fromEntries(
    ["show", "export", "verify", "merge"].flatMap((command): [string, Mistake][] => {
      const others = command === "merge" ? ["b"] : [];
      const files = { "a.tar.zst": "not an archive" };
      const below = { args: [command, "a.tar.zst/x", ...others], files, exit: 5, message: "a.tar.zst/x: no such file" };
      const long = { args: [command, "n".repeat(300), ...others], exit: 2, message: "the name is too long" };
      return [
        [`${command} of a path below a file`, below],
        [`${command} of a path that is too long`, long],
      ];
    }),
  ),
  "a bench of a text that is missing": {
    args: ["bench", "nope"],
    exit: 5,
    message: "fold: cannot read the text nope: no such file",
  },
  "a bench of a text without words": {
    args: ["bench", "a.txt"],
    files: { "a.txt": "123" },
    exit: 1,
    message: "fold: a.txt holds no words",
  },
  "a bench of the standard input": { args: ["bench", "-"], exit: 2, message: "read only once" },
  "a bench of many texts": {
    args: ["bench", "."],
    files: { "a.txt": "a b", "b.txt": "b" },
    exit: 2,
    message: "holds 2",
  },
  "archives into a file": {
    args: ["run", samplePath, "--out", "a"],
    files: { a: "" },
    exit: 2,
    message: "a is a file, not a folder",
  },
  "a text whose archive would be hidden": {
    args: ["run", ".a.txt"],
    files: { ".a.txt": "a b" },
    exit: 2,
    message: '".a" cannot be the name of an archive: it would be hidden',
  },
  "a text whose name is too long for an archive": {
    args: ["run", `${"n".repeat(245)}.txt`],
    files: { [`${"n".repeat(245)}.txt`]: "a b" },
    exit: 2,
    message: "it is too long\nhint: give another one with --name",
  },
  "a name that is too long in bytes": {
    args: ["run", samplePath, "--name", "\u00e9".repeat(130)],
    exit: 2,
    message: "it is too long",
  },
  "a name that is too long with what differs from the usual options": {
    args: ["run", samplePath, "--name", "n".repeat(230), "--max-dims", "3"],
    exit: 2,
    message: "it is too long\nhint: give another one with --name",
  },
  "an archive that is none": {
    args: ["show", "a.tar.zst"],
    files: { "a.tar.zst": "not an archive" },
    exit: 1,
    message: "a.tar.zst",
  },
};

describe("mistakes", () => {
  for (const [name, { args, exit, message, files = {} }] of Object.entries(mistakes)) {
    test(name, async () => {
      await withFolder(async (folder) => {
        for (const [file, content] of Object.entries(files)) {
          mkdirSync(join(folder, file, ".."), { recursive: true });
          writeFileSync(join(folder, file), content);
        }
        const ended = await call(args, { cwd: folder });
        expect(ended.stderr).toContain(message);
        expect(ended.stderr).toContain("hint: ");
        expect(ended.exit).toBe(exit);
        expect(existsSync(join(folder, "fold_state"))).toBe(false);
      });
    });
  }

  test("one bad text of several: the others are folded, exit code 3", async () => {
    await withFolder(async (folder) => {
      mkdirSync(join(folder, "texts"));
      writeFileSync(join(folder, "texts/good.txt"), "a b. c d. a c. b d.");
      writeFileSync(join(folder, "texts/bad.txt"), latin1);
      const ended = await call(["run", "texts", "--out", "out"], { cwd: folder });
      expect(ended.exit).toBe(3);
      expect(ended.stderr).toContain("1 of 2 texts");
      expect(readdirSync(join(folder, "out"))).toEqual(["good.tar.zst"]);
    });
  });

  test("what cannot be read in a folder is named and left out, whatever it is", async () => {
    await withFolder(async (folder) => {
      const texts = join(folder, "texts");
      mkdirSync(texts);
      writeFileSync(join(texts, "good.txt"), "a b. c d. a c. b d.");
      writeFileSync(Buffer.concat([Buffer.from(join(texts, "bad")), Buffer.from([0xff]), Buffer.from(".txt")]), "a b");
      symlinkSync("nobody@nowhere:1", join(texts, "gone.txt"));
      symlinkSync("circle.txt", join(texts, "circle.txt"));
      symlinkSync(".", join(texts, "loop"));
      const reasons = {
        "bad\ufffd.txt": "name is not UTF-8",
        "gone.txt": "leads to no file",
        "circle.txt": "lead in a circle",
        loop: "leads back to a folder",
      };
      for (const args of [["run", "--out", "out"], ["estimate"], ["stage", "--by", "paragraph"]]) {
        const { exit, stderr } = await call([...args, "texts"], { cwd: folder });
        for (const [name, reason] of Object.entries(reasons)) {
          expect(stderr).toMatch(new RegExp(`warning: .*texts/${name}.* ${reason}`));
        }
        expect(stderr).toContain("4 of 5 texts could not be");
        expect(exit).toBe(3);
      }
      expect(readdirSync(join(folder, "out"))).toEqual(["good.tar.zst"]);
      // All or none is sent.
      const { exit, stderr } = await call(["submit", "texts"], { cwd: folder });
      expect(stderr).toMatch(/^fold: cannot read texts\/bad\ufffd\.txt: its name is not UTF-8\nhint: rename it/);
      expect(exit).toBe(5);
    });
  });

  test("a folder below that may not be read is named, and what is beside it is folded", async () => {
    if (process.getuid?.() === 0) {
      console.warn("Root may read everything: a folder that may not be read is not tested.");
      return;
    }
    await withFolder(async (folder) => {
      mkdirSync(join(folder, "texts/closed"), { recursive: true });
      writeFileSync(join(folder, "texts/good.txt"), "a b. c d. a c. b d.");
      chmodSync(join(folder, "texts/closed"), 0);
      const { exit, stderr } = await call(["run", "texts", "--out", "out"], { cwd: folder });
      expect(stderr).toContain("cannot list the folder texts/closed: permission denied");
      expect(exit).toBe(3);
      expect(readdirSync(join(folder, "out"))).toEqual(["good.tar.zst"]);
    });
  });

  test("hidden files and folders hold no texts", async () => {
    await withFolder(async (folder) => {
      mkdirSync(join(folder, "texts/.git"), { recursive: true });
      for (const file of ["good.txt", ".hidden.txt", ".git/log.txt"]) {
        writeFileSync(join(folder, "texts", file), "a b. c d. a c. b d.");
      }
      symlinkSync("nobody@nowhere:1", join(folder, "texts/.#good.txt"));
      const { exit, stderr } = await call(["run", "texts", "--out", "out"], { cwd: folder });
      expect([exit, stderr]).toEqual([0, ""]);
      expect(readdirSync(join(folder, "out"))).toEqual(["good.tar.zst"]);
    });
  });

  test("a device without space: said, and nothing stays", async () => {
    await withFolder(async (folder) => {
      const disk = join(folder, "disk");
      if (!mountSmallDisk(disk, 40)) {
        console.warn("A small file system cannot be mounted here: no space left is not tested.");
        return;
      }
      try {
        const ended = await call(["run", samplePath, "--out", disk]);
        expect(ended.stderr).toContain("no space left");
        expect(ended.exit).toBe(1);
        expect(readdirSync(disk).filter((name) => !name.endsWith(".work"))).toEqual([]);
      } finally {
        unmount(disk);
      }
    });
  });

  test("results for a device that is full", async () => {
    if (!existsSync("/dev/full")) {
      console.warn("There is no /dev/full here: results that cannot be written are not tested.");
      return;
    }
    await withFolder(async (folder) => {
      const archive = join(folder, "ships-log.tar.zst");
      expect((await call(["run", samplePath, "--out", folder, "--quiet"])).exit).toBe(0);
      const watch = ["status", "--watch", "--state-dir", folder];
      const results = [["show", archive], ["export", archive], watch, [...watch, "--json"]];
      const aboutItself = [["help"], ["run", "--help"], ["help", "formatting"], ["--version"], ["completions", "zsh"]];
      for (const args of [...results, ...aboutItself]) {
        const run = Bun.spawn([binary, ...args], { stdout: Bun.file("/dev/full"), stderr: "pipe" });
        expect(await run.stderr.text()).toContain(
          "cannot write to the standard output: no space left on the device\nhint: free some space",
        );
        expect(await run.exited).toBe(1);
      }
    });
  });

  test("whoever watches and has seen enough ends the watching", async () => {
    await withFolder(async (folder) => {
      const line = '"$0" status --watch --json --state-dir "$1" | head -n 1';
      const watch = Bun.spawn(["sh", "-c", line, binary, folder], { stderr: "pipe" });
      const { value } = await watch.stdout.getReader().read();
      expect(JSON.parse(new TextDecoder().decode(value))).toMatchObject({ waiting: 0 });
      mkdirSync(join(folder, "input"));
      writeFileSync(join(folder, "input/log.txt"), "some words.\n");
      expect(await watch.stderr.text()).toBe("");
      await watch.exited;
    });
  });

  test.each(["help", "run --help", "--version", "completions zsh"])(
    "nobody reads what %s has to say",
    async (asked) => {
      // Once nothing can be written any more the reader is gone; the shell tells how the program has ended.
      const line = '( trap "" PIPE; while echo x; do :; done 2>/dev/null; "$0" "$@"; echo "exit code $?" >&2 ) | true';
      const run = Bun.spawn(["sh", "-c", line, binary, ...asked.split(" ")], { stderr: "pipe" });
      expect(await run.stderr.text()).toBe("exit code 0\n");
    },
  );

  test("a read-only folder", async () => {
    await withFolder(async (folder) => {
      const out = join(folder, "out");
      mkdirSync(out);
      const isRoot = process.getuid?.() === 0;
      // Root may write anywhere, but not below a file.
      if (isRoot) writeFileSync(join(out, "file"), "");
      else chmodSync(out, 0o555);
      const ended = await call(["run", samplePath, "--out", isRoot ? join(out, "file") : out]);
      expect(ended.exit).not.toBe(0);
      expect(ended.stderr).toContain("hint: ");
      chmodSync(out, 0o755);
      expect(readdirSync(out)).toEqual(isRoot ? ["file"] : []);
    });
  });
});
