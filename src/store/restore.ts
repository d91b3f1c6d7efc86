import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { temporaryPath } from "../disk.ts";
import { FoldError } from "../errors.ts";
import { type OutputFile, type Pause, writeOutput } from "./files.ts";
import type { ObjectStore } from "./object-store.ts";
import { writeFolder } from "./output-folder.ts";
import { type FileMember, type Frame, MAX_AROUND_BYTES, type Reference, sum } from "./reference.ts";

/**
 * Write the tar.zst file of an archive: its frames side by side, byte for byte what was added.
 *
 * @throws FoldError `corrupt` for objects of other sizes than the reference says
 */
export async function restoreArchive(
  { members }: Reference,
  frame: Frame,
  path: string,
  objects: ObjectStore,
  pause: Pause,
): Promise<void> {
  await writeOutput(path, objects.files, async (out) => {
    const aroundBytes = sum(frame.lengths);
    checkSize(objects, frame.object, aroundBytes);
    if (aroundBytes > MAX_AROUND_BYTES) throw damaged(`it has ${aroundBytes} bytes between its members`);
    const around = objects.get(frame.object);
    let at = 0;
    for (const [number, length] of frame.lengths.entries()) {
      out.write(around.subarray(at, at + length));
      at += length;
      const member = members[number];
      if (member?.type === "file") await copyObject(member, out, objects, pause);
    }
  });
}

/**
 * Write one file as it was added.
 *
 * @param temporary where it is until it is whole
 * @throws FoldError `corrupt` for an object of another size than the reference says
 */
export async function restoreFile(
  member: FileMember,
  path: string,
  objects: ObjectStore,
  pause: Pause,
  temporary = temporaryPath(path),
): Promise<void> {
  const write = (out: OutputFile) => copyObject(member, out, objects, pause);
  await writeOutput(path, objects.files, write, Number.parseInt(member.mode, 8), temporary);
}

/**
 * Write a folder as it was added: files, modes, symbolic links; from before its own mode was kept, with that of a new one.
 *
 * Links come last, and no path goes through one (reference.ts).
 */
export async function restoreFolder(
  { members, mode }: Reference,
  path: string,
  objects: ObjectStore,
  pause: Pause,
): Promise<void> {
  const fill = async (temporary: string) => {
    for (const member of members) {
      if (member.type === "folder") mkdirSync(join(temporary, member.path), { recursive: true });
    }
    for (const member of members) {
      if (member.type !== "file") continue;
      const place = join(temporary, member.path);
      mkdirSync(dirname(place), { recursive: true });
      // Under its own name, which may be so long that nothing can stand behind it.
      await restoreFile(member, place, objects, pause, place);
    }
    for (const member of members) {
      if (member.type !== "link") continue;
      mkdirSync(dirname(join(temporary, member.path)), { recursive: true });
      symlinkSync(member.target, join(temporary, member.path));
    }
    // The innermost first: in a folder that is read-only nothing more can be made.
    for (const member of members.toReversed()) {
      if (member.type === "folder") chmodSync(join(temporary, member.path), Number.parseInt(member.mode, 8));
    }
  };
  await writeFolder(path, fill, mode === undefined ? undefined : Number.parseInt(mode, 8));
}

async function copyObject(
  { object, stored }: FileMember,
  out: OutputFile,
  objects: ObjectStore,
  pause: Pause,
): Promise<void> {
  checkSize(objects, object, stored);
  for (const piece of objects.open(object)) {
    out.write(piece);
    await pause();
  }
}

/**
 * Refuse an object that is what its name says, but another than the reference is about.
 *
 * @throws FoldError `corrupt`, or `not_found`
 */
export function checkSize(objects: ObjectStore, object: string, expected: number): void {
  const size = objects.size(object);
  if (size !== expected) throw damaged(`object ${object} has ${size} bytes instead of ${expected}`);
}

function damaged(problem: string): FoldError {
  const hint = "get a copy of it, or add the archive again";
  return new FoldError("corrupt", `the reference is damaged: ${problem}`, hint);
}
