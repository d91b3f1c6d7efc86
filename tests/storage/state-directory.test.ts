// What only a state directory has: files that users put into it or damage, and disks.
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inOwnFolder } from "../../src/storage/local/claim-texts.ts";
import { interceptChanges } from "../../src/storage/local/files.ts";
import { LocalStorage } from "../../src/storage/local/local-storage.ts";
import { foldErrorOf } from "../support/folds.ts";
import { mountSmallDisk, unmount } from "../support/small-disk.ts";
import { LocalPlace } from "./local-place.ts";
import { claim, codeOf, failure, finish, finishAll, GRACE_MS, handOver, textsIn, wanted } from "./place.ts";
import { crashBefore } from "./scenarios.ts";

const text = "one two three.\n";
const places: LocalPlace[] = [];
const disk = join(newPlace().scratch, "disk");
const hasDisk = mountSmallDisk(disk, 1024);
afterAll(async () => {
  // First: a folder cannot go while a disk is mounted in it.
  unmount(disk);
  for (const place of places) await place.remove();
});

function newPlace(): LocalPlace {
  const place = new LocalPlace();
  places.push(place);
  return place;
}

/** The folder of the only job. */
function jobFolder({ folder }: LocalPlace): string {
  const names = readdirSync(join(folder, "in_process"));
  const [name, ...others] = names.filter((path) => !path.startsWith("spare-"));
  expect(others).toEqual([]);
  return join(folder, "in_process", name);
}

/** A grace period later, another process. */
async function restart(place: LocalPlace): Promise<LocalStorage> {
  place.pass(GRACE_MS + 1_000);
  const storage = place.open();
  await storage.reclaimStale();
  return storage;
}

test("only whole texts are taken from input/, in any sub-folder; everything else stays as it is", async () => {
  const place = newPlace();
  const input = join(place.folder, "input");
  const others = ["half.txt.part", "half.txt.tmp", ".half.txt", ".txt", "notes.md", "a/.hidden/b.txt", "TEXT.TXT"];
  for (const name of [...others, "a/b/c.txt", "d.txt"]) {
    mkdirSync(join(input, name, ".."), { recursive: true });
    writeFileSync(join(input, name), text);
  }
  mkdirSync(join(input, "folder.txt"));
  symlinkSync("d.txt", join(input, "link.txt"));
  symlinkSync("nowhere", join(input, "broken.txt"));
  symlinkSync("a", join(input, "linked-folder"));
  writeFileSync(Buffer.concat([Buffer.from(join(input, "not-utf8-")), Buffer.from([0xff]), Buffer.from(".txt")]), text);
  const storage = place.open();
  expect((await storage.listJobs()).map(({ name }) => name)).toEqual(["a/b/c", "d"]);
  await finishAll(storage, false);
  expect(await textsIn(storage)).toEqual(["a/b/c", "d"]);
  for (const name of others) expect({ name, isThere: existsSync(join(input, name)) }).toEqual({ name, isThere: true });
  expect(["link.txt", "broken.txt"].map((name) => readlinkSync(join(input, name)))).toEqual(["d.txt", "nowhere"]);
});

test("input/ is not listed for every claim: what comes later is found when the last listing is used up", async () => {
  const place = newPlace();
  for (const name of ["b", "c", "d"]) await place.putText(name, text);
  const storage = place.open();
  const names = [(await claim(storage)).name];
  await place.putText("a", text);
  for (let i = 0; i < 3; i++) names.push((await claim(storage)).name);
  expect(names).toEqual(["b", "c", "d", "a"]);
});

test("a text that is taken away before its claim is none", async () => {
  const place = newPlace();
  for (const name of ["a", "b", "c"]) await place.putText(name, text);
  const storage = place.open();
  await claim(storage);
  rmSync(join(place.folder, "input/b.txt"));
  expect((await claim(storage)).name).toBe("c");
  expect(await storage.claimNextJob(wanted())).toBeNull();
});

test("a rename that says it failed and did not takes no text away", () => {
  const { scratch } = newPlace();
  const ends = [
    () => null,
    () => {
      throw new Error("planted");
    },
  ];
  for (const [number, end] of ends.entries()) {
    const folder = join(scratch, `job-${number}`);
    const claimInto = (isRenamed: boolean) => () => {
      if (isRenamed) writeFileSync(join(folder, "source.txt"), text);
      return end();
    };
    const attempt = (isRenamed: boolean) => {
      mkdirSync(folder);
      try {
        inOwnFolder(folder, claimInto(isRenamed));
      } catch {
        // The planted one.
      }
      return existsSync(folder);
    };
    expect([attempt(false), attempt(true)]).toEqual([false, true]);
  }
});

test("a text whose record a power cut has taken waits again under its name, with one failure more", async () => {
  const ways: ((record: string) => void)[] = [
    rmSync,
    (path) => writeFileSync(path, ""),
    (path) => writeFileSync(path, "{"),
  ];
  for (const [number, damage] of ways.entries()) {
    const place = newPlace();
    const name = `sub folder/Büch ${number}\n${"long".repeat(40)}`;
    await place.putText(name, text);
    await claim(place.open());
    damage(join(jobFolder(place), "job.json"));
    const storage = await restart(place);
    const [{ id }] = await storage.listJobs();
    expect(await storage.listJobs()).toMatchObject([{ name, state: "waiting", failures: 1, size_bytes: text.length }]);
    const attempt = await claim(storage);
    expect({ ...attempt, folder: "" }).toMatchObject({ id, name, number: 2, kind: "text" });
    expect(new TextDecoder().decode(await storage.readText(attempt))).toBe(text);
    await storage.failJob(attempt, { ...failure, isFinal: true });
    await storage.retryJob(id);
    expect(await storage.listJobs()).toMatchObject([{ id, name, state: "waiting", failures: 0 }]);
  }
});

test("a text of which nothing is known any more is put aside, not thrown away", async () => {
  const ways: ((origin: string) => void)[] = [
    rmSync,
    (path) => {
      rmSync(path);
      symlinkSync("another.txt", path);
    },
    (path) => {
      rmSync(path);
      writeFileSync(path, "book.txt");
    },
  ];
  for (const damage of ways) {
    const place = newPlace();
    // Its id does not tell the name.
    await place.putText("The Book", text);
    await claim(place.open());
    writeFileSync(join(jobFolder(place), "job.json"), "{");
    damage(join(jobFolder(place), "origin"));
    const storage = await restart(place);
    const [job] = await storage.listJobs();
    expect([job.state, job.failure?.code]).toEqual(["failed", "corrupt"]);
    await storage.retryJob(job.id);
    const attempt = await claim(storage);
    expect(new TextDecoder().decode(await storage.readText(attempt))).toBe(text);
  }
});

test("a disk without links, or one that takes none so long, has texts claimed all the same", async () => {
  for (const code of ["EPERM", "ENAMETOOLONG"]) {
    const place = newPlace();
    await place.putText("The Book", text);
    const restore = interceptChanges((change) => {
      if (change.startsWith("link ")) throw Object.assign(new Error("no links here"), { code });
    });
    try {
      await finish(place.open(), await claim(place.open()));
    } finally {
      restore();
    }
    expect(await place.leftovers()).toEqual([]);
  }
});

test("archives of a merge whose record is lost are put back", async () => {
  const place = newPlace();
  for (const name of ["a", "b"]) {
    await place.putText(name, `${name} ${text}`);
    await finish(place.open(), await claim(place.open()));
  }
  await claim(place.open(), { merges: true });
  rmSync(join(jobFolder(place), "job.json"));
  rmSync(join(jobFolder(place), "input-0.ref.json"));
  const storage = await restart(place);
  expect((await storage.listArchives()).map(({ lineage }) => lineage)).toEqual(['"b"']);
  expect(await place.leftovers()).toEqual([]);
});

test("a completed job whose archive is damaged before it is published runs again", async () => {
  const place = newPlace();
  await place.putText("book", text);
  const storage = place.open();
  const attempt = await claim(storage);
  await handOver(storage, attempt);
  await crashBefore("archives", async () => storage.completeJob(attempt));
  const kept = readdirSync(jobFolder(place)).filter((name) => name.startsWith("archive."));
  for (const name of kept) writeFileSync(join(jobFolder(place), name), "");
  await restart(place);
  expect((await storage.listJobs()).map(({ state }) => state)).toEqual(["waiting"]);
  await finishAll(storage);
  expect((await storage.listArchives()).map(({ name }) => name)).toEqual(["book"]);
  expect(await place.leftovers()).toEqual([]);
});

test("damaged heartbeats, reasons and foreign files stop nobody", async () => {
  const place = newPlace();
  for (const name of ["a", "b"]) await place.putText(name, text);
  const storage = place.open();
  await storage.failJob(await claim(storage), { ...failure, isFinal: true });
  const attempt = await claim(storage);
  writeFileSync(join(attempt.folder, "heartbeat.json"), "{");
  for (const part of ["in_process", "archives", "failed"]) {
    mkdirSync(join(place.folder, part, "foreign"), { recursive: true });
    writeFileSync(join(place.folder, part, "foreign/notes"), "");
    writeFileSync(join(place.folder, part, "notes.error.json"), "{");
  }
  expect((await storage.listJobs()).map(({ name, state }) => [name, state])).toEqual([
    ["b", "running"],
    ["a", "failed"],
  ]);
  await finish(storage, attempt);
  expect(await (await restart(place)).claimNextJob(wanted({ merges: true }))).toBeNull();
  for (const part of ["in_process", "archives", "failed"]) {
    expect(existsSync(join(place.folder, part, "foreign/notes"))).toBe(true);
  }
});

test("one job that cannot be freed does not keep the others from it, and is told of", async () => {
  const place = newPlace();
  for (const name of ["a", "b", "c"]) await place.putText(name, text);
  const storage = place.open();
  for (let i = 0; i < 3; i++) await claim(storage);
  const [first] = readdirSync(join(place.folder, "in_process")).sort();
  const restore = interceptChanges((change) => {
    if (change.includes(first.slice(0, 14))) throw Object.assign(new Error("planted"), { code: "EROFS" });
  });
  try {
    expect(await codeOf(() => restart(place))).toBe("read_only");
  } finally {
    restore();
  }
  const states = (await storage.listJobs()).map(({ name, state }) => [name, state]);
  expect(states.sort()).toEqual([
    ["a", "running"],
    ["b", "waiting"],
    ["c", "waiting"],
  ]);
});

test("a free folder that is no job's is tidied away", async () => {
  const place = newPlace();
  await place.putText("book", text);
  const storage = place.open();
  await storage.abandonJob(await claim(storage), true);
  mkdirSync(join(place.folder, "in_process/book-0123456789ab.free-0123.work/chunks"), { recursive: true });
  expect(await (await restart(place)).reclaimStale()).toBe(0);
  await finish(storage, await claim(storage));
  expect(await place.leftovers()).toEqual([]);
});

test("halves of files that a killed worker has left go with the next claim of the job; what was finished stays", async () => {
  const place = newPlace();
  await place.putText("book", text);
  const storage = place.open();
  const killed = await claim(storage);
  await storage.spillChunk(killed, "part-0", new Uint8Array(10));
  mkdirSync(join(killed.folder, "archive.tar.zst.work"));
  const halves = ["archive.tar.zst.0a1b2c3d.tmp", "archive.tar.zst.4e5f6a7b.tmp", "heartbeat.json.0a1b2c3d.tmp"];
  for (const name of halves) writeFileSync(join(killed.folder, name), "half");
  writeFileSync(join(killed.folder, "archive.tar.zst.work/0-0.last.7.zst"), "a part");
  await restart(place);
  const { folder } = await claim(storage);
  expect(readdirSync(folder).sort()).toEqual(["archive.tar.zst.work", "chunks", "job.json", "source.txt"]);
  expect(readdirSync(join(folder, "archive.tar.zst.work"))).toEqual(["0-0.last.7.zst"]);
});

test("a state directory that is a file, or below one", async () => {
  const { scratch } = newPlace();
  const file = join(scratch, "file");
  writeFileSync(file, "");
  for (const folder of [file, join(file, "below")]) {
    const error = await foldErrorOf(() =>
      new LocalStorage({ folder, grace_ms: GRACE_MS, whole_below_bytes: 0 }).claimNextJob(wanted()),
    );
    expect(error.code).toBe("not_found");
    expect(error.message).toContain(folder);
  }
});

test.skipIf(!hasDisk)("no space left (needs the right to mount)", async () => {
  const place = new LocalPlace(disk);
  await place.putText("book", text);
  const storage = place.open();
  const attempt = await claim(storage);
  await storage.spillChunk(attempt, "part-0", new Uint8Array(400_000));
  const error = await foldErrorOf(() => storage.spillChunk(attempt, "part-1", new Uint8Array(900_000)));
  expect(error.code).toBe("no_space");
  expect(error.message).toMatch(/part-1: no space left on the device; it needs 900000 bytes, \d+ are free$/);
  expect(await storage.listChunks(attempt)).toEqual(["part-0"]);
  // Filled to the last block by somebody else: giving back must need no room at all.
  expect(() => writeFileSync(join(disk, "filler"), new Uint8Array(2_000_000))).toThrow();
  await storage.abandonJob(attempt, true);
  expect(await codeOf(() => storage.claimNextJob(wanted()))).toBe("no_space");
  rmSync(join(disk, "filler"));
  const next = await claim(storage);
  await storage.abandonJob(next, false);
  expect(readdirSync(jobFolder(place)).sort()).toEqual(["job.json", "source.txt"]);
  expect(() => writeFileSync(join(disk, "filler"), new Uint8Array(2_000_000))).toThrow();
  await place.putText("empty", "").catch(() => {});
  expect(await codeOf(() => storage.claimNextJob(wanted()))).toBe("no_space");
  rmSync(join(disk, "filler"));
  await finishAll(storage);
  expect(await textsIn(storage)).toContain("book");
  expect(await place.leftovers()).toEqual([]);
});

test.skipIf(!hasDisk)("a state directory that cannot be written to (needs the right to mount)", async () => {
  const place = new LocalPlace(disk);
  await place.putText("book", text);
  const attempt = await claim(place.open());
  await place.putText("other", text);
  try {
    expect(Bun.spawnSync(["mount", "-o", "remount,ro", disk]).success).toBe(true);
    const storage = place.open();
    expect((await storage.listJobs()).map(({ name }) => name).sort()).toEqual(["book", "other"]);
    expect(new TextDecoder().decode(await storage.readText(attempt))).toBe(text);
    expect(await codeOf(() => storage.claimNextJob(wanted()))).toBe("read_only");
    expect(await codeOf(() => storage.heartbeat(attempt, { share: 0, orthos: 0 }))).toBe("read_only");
    expect(await codeOf(() => storage.abandonJob(attempt, true))).toBe("read_only");
    expect(await codeOf(() => restart(place))).toBe("read_only");
  } finally {
    Bun.spawnSync(["mount", "-o", "remount,rw", disk]);
  }
  await finishAll(await restart(place), false);
  expect(await textsIn(place.open())).toEqual(["book", "other"]);
});

test.skipIf(!hasDisk)("an input folder on another disk (needs the right to mount)", async () => {
  const place = newPlace();
  rmSync(join(place.folder, "input"), { recursive: true });
  symlinkSync(disk, join(place.folder, "input"));
  writeFileSync(join(disk, "elsewhere.txt"), text);
  const error = await foldErrorOf(() => place.open().claimNextJob(wanted()));
  expect([error.code, error.hint]).toEqual(["usage", "keep the whole state directory on one file system"]);
  expect(existsSync(join(disk, "elsewhere.txt"))).toBe(true);
  expect(await place.leftovers()).toEqual([]);
});
