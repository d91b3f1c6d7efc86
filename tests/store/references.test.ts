// A reference may come from anywhere. One that lies is refused before anything is written.
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { sha256 } from "../../src/archive/manifest.ts";
import { Adding } from "../../src/store/adding.ts";
import { checkStore } from "../../src/store/check.ts";
import { breathe } from "../../src/store/files.ts";
import { encodeReference, type Reference, sealReference } from "../../src/store/reference.ts";
import { statsOf } from "../../src/store/stats.ts";
import { Store } from "../../src/store/store.ts";
import { foldErrorOf } from "../support/folds.ts";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder();
const whale = new TextEncoder().encode("whale");
const object = sha256(whale);

const store = new Store(join(folder, "state"));
const adding = new Adding(store.objects);
adding.put(whale);
const { object: other } = adding.put(new TextEncoder().encode("other"));
adding.settleNow();
adding.end();
mkdirSync(store.archives, { recursive: true });

const file = { type: "file", path: "x", mode: "0644", size: 5, sha256: object, object, stored: 5 } as const;
const link = { type: "link", path: "l", target: "x" } as const;
const base = { fold_archive: 1, name: "lie", kind: "folder", members: [file], frame: null } as const;

const wholeCheck = { sample: 1, repairFrom: [], rebuild: false, pause: breathe };

let count = 0;
/** Put a reference with a right hash of its own onto the shelf. */
function plant(changes: object): string {
  const name = `lie-${count++}`;
  const reference = sealReference({ ...base, ...changes } as Omit<Reference, "sha256">);
  writeFileSync(store.fileOf(name), encodeReference(reference));
  return name;
}

const frame = { tar_sha256: object, object, lengths: [1, 4] };
const lies: Record<string, object> = {
  "a path up": { members: [{ ...file, path: "../x" }] },
  "a path up in the middle": { members: [{ ...file, path: "a/../../x" }] },
  "an absolute path": { members: [{ ...file, path: "/tmp/x" }] },
  "an empty path": { members: [{ ...file, path: "" }] },
  "a drive": { members: [{ ...file, path: "C:x" }] },
  "a backslash": { members: [{ ...file, path: "..\\x" }] },
  "a NUL": { members: [{ ...file, path: "x\0" }] },
  "one path twice": { members: [file, file] },
  "a file through a link": {
    members: [
      { ...link, path: "d", target: "e" },
      { ...file, path: "d/x" },
    ],
  },
  "a link up": { members: [{ ...link, target: "../../x" }] },
  "an absolute link": { members: [{ ...link, target: "/etc/passwd" }] },
  "a link through a link": { members: [{ ...link, target: "d/../../x" }] },
  "a name of an object that is a path": { members: [{ ...file, object: "../../../../etc/passwd" }] },
  "a hash too short": { members: [{ ...file, object: object.slice(1) }] },
  "a size below 0": { members: [{ ...file, size: -1 }] },
  "half a byte": { members: [{ ...file, stored: 0.5 }] },
  "a size beyond all numbers": { members: [{ ...file, size: 1e300 }] },
  "a mode with setuid": { members: [{ ...file, mode: "4755" }] },
  "a mode of the folder with setgid": { mode: "2755" },
  "a mode of a folder without one": { kind: "file", mode: "0755" },
  "members that are none": { members: "x" },
  "a member that is nothing": { members: [null] },
  "a kind that there is not": { kind: "device" },
  "a file of two files": { kind: "file", members: [file, { ...file, path: "y" }] },
  "an archive without what stands between": { kind: "archive" },
  "an archive with too many lengths": { kind: "archive", frame: { ...frame, lengths: [1, 2, 3] } },
  "an archive with a link": { kind: "archive", members: [link], frame },
  "a folder with a frame": { frame },
  "no name": { name: 7 },
};

describe("lying references", () => {
  test.each(Object.entries(lies))("%s", async (_, changes) => {
    const name = plant(changes);
    const out = join(folder, "out", name);
    const error = await foldErrorOf(() => store.find(name).restore(out, breathe));
    expect([error.code, error.exitCode]).toEqual(["corrupt", 1]);
    expect(existsSync(dirname(out))).toBe(false);
  });

  test("a version that is newer is refused as such", async () => {
    const error = await foldErrorOf(() => store.find(plant({ fold_archive: 2 })));
    expect([error.code, error.hint]).toEqual(["failed", "get a newer fold"]);
  });

  test("sizes that the objects do not have: what comes out is checked, nothing absurd is reserved", async () => {
    const large = plant({ members: [{ ...file, size: 2 ** 52, stored: 2 ** 52 }] });
    expect(statsOf(store).archives).toBeGreaterThan(0);
    expect((await foldErrorOf(() => store.find(large).readMember("x"))).code).toBe("corrupt");
    const archive = plant({ kind: "archive", members: [{ ...file, size: 2 ** 40 }], frame });
    expect((await foldErrorOf(() => store.find(archive).readMember("x"))).code).toBe("corrupt");
  });

  const otherSizes: Record<string, object> = {
    "a file": { kind: "file", members: [{ ...file, size: 6, stored: 6 }] },
    "a file in a folder": { members: [{ ...file, size: 4, stored: 4 }] },
    "a member": { kind: "archive", members: [{ ...file, stored: 4 }], frame: { ...frame, object: other } },
    "less between the members": { kind: "archive", frame: { ...frame, lengths: [1, 3] } },
    "more between the members": { kind: "archive", frame: { ...frame, lengths: [1, 5] } },
  };
  test.each(Object.entries(otherSizes))("%s of another size than its object is not written", async (_, changes) => {
    const name = plant(changes);
    const out = join(folder, "state/out");
    mkdirSync(out);
    const error = await foldErrorOf(() => store.find(name).restore(join(out, name), breathe));
    expect([error.code, error.message]).toEqual(["corrupt", expect.stringContaining(object)]);
    expect(readdirSync(out)).toEqual([]);
    rmdirSync(out);
    const { bad_references, broken } = await checkStore(store, wholeCheck);
    const problem = expect.stringContaining("other sizes");
    expect(bad_references).toContainEqual(expect.objectContaining({ name, problem, state: "lost" }));
    expect(broken).toEqual([]);
  });

  test("a file that is claimed to be more than its object holds", async () => {
    const name = plant({ members: [{ ...file, size: 6 }] });
    expect((await foldErrorOf(() => store.find(name))).code).toBe("corrupt");
  });

  test("an object that another is claimed to be", async () => {
    const name = plant({ members: [{ ...file, sha256: "0".repeat(64) }] });
    expect((await foldErrorOf(() => store.find(name).readMember("x"))).code).toBe("corrupt");
  });
});

test("a reference that is nested so deeply that it cannot be hashed is damaged, and named", async () => {
  const place = new Store(join(folder, "state/deep"));
  mkdirSync(place.archives, { recursive: true });
  const file = place.fileOf("deep");
  writeFileSync(file, `{"fold_archive":1,"a":${"[".repeat(200_000)}${"]".repeat(200_000)}}`);
  const problem = `the reference ${file} is damaged: it is nested too deeply`;
  expect(place.names()).toEqual(["deep"]);
  expect(statsOf(place).damaged_references).toBe(1);
  expect((await checkStore(place, wholeCheck)).bad_references).toMatchObject([
    { name: "deep", problem, state: "lost" },
  ]);
  for (const act of [() => place.find("deep"), () => place.collect({ grace_ms: 0, isDry: true })]) {
    const error = await foldErrorOf(act);
    expect([error.code, error.message]).toEqual(["corrupt", problem]);
  }
});

describe("folders that could not come back are not added", () => {
  const links: Record<string, string> = { up: "../../etc", absolute: "/etc/passwd", sideways: "a/../../b" };
  test.each(Object.entries(links))("a link %s", async (name, target) => {
    const place = join(folder, `tree-${name}`);
    mkdirSync(place);
    symlinkSync(target, join(place, "link"));
    const error = await foldErrorOf(() => store.add(place, name));
    expect([error.code, error.exitCode]).toEqual(["usage", 2]);
    expect(store.names()).not.toContain(name);
  });

  // Latin-1, as old disks have it.
  const latin = Buffer.concat([Buffer.from("caf"), Buffer.from([0xe9])]);

  test("a name that is no UTF-8, which no JSON can hold", async () => {
    const place = join(folder, "tree-name");
    mkdirSync(join(place, "deep"), { recursive: true });
    writeFileSync(Buffer.concat([Buffer.from(`${place}/deep/`), latin]), "whale");
    const error = await foldErrorOf(() => store.add(place, "name"));
    expect([error.code, error.exitCode]).toEqual(["usage", 2]);
    expect(error.message).toBe(`in ${place}/deep, the name caf\\xe9 is no UTF-8 and cannot be kept`);
  });

  test("a link to a name that is no UTF-8: it would lead elsewhere", async () => {
    const place = join(folder, "tree-target");
    mkdirSync(place);
    symlinkSync(latin, join(place, "link"));
    const error = await foldErrorOf(() => store.add(place, "target"));
    expect([error.code, error.exitCode]).toEqual(["usage", 2]);
    expect(error.message).toContain("link, caf\\xe9 is no UTF-8");
    expect(store.names()).not.toContain("target");
  });

  test("a pipe", async () => {
    const place = join(folder, "tree-pipe");
    mkdirSync(place);
    if (!Bun.spawnSync(["mkfifo", join(place, "pipe")]).success) throw new Error("no mkfifo here");
    expect((await foldErrorOf(() => store.add(place, "pipe"))).code).toBe("usage");
    expect((await foldErrorOf(() => store.add(join(place, "pipe"), "pipe"))).code).toBe("usage");
  });
});

test("nothing outside of the store was touched", () => {
  const trees = ["absolute", "name", "pipe", "sideways", "target", "up"].map((name) => `tree-${name}`);
  expect(readdirSync(folder).sort()).toEqual(["state", ...trees]);
});
