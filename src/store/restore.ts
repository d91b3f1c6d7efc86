import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { temporaryPath } from "../disk.ts";
import { type OutputFile, type Pause, writeOutput } from "./files.ts";
import type { ObjectStore } from "./object-store.ts";
import { writeFolder } from "./output-folder.ts";
import type { FileMember, Frame, Member, Reference } from "./reference.ts";

/** Write the tar.zst file of an archive: its frames side by side, byte for byte what was added. */
export async function restoreArchive(
  { members }: Reference,
  frame: Frame,
  path: string,
  objects: ObjectStore,
  pause: Pause,
): Promise<void> {
  await writeOutput(path, objects.files, async (out) => {
    const around = objects.get(frame.object);
    let at = 0;
    for (const [number, length] of frame.lengths.entries()) {
      out.write(around.subarray(at, at + length));
      at += length;
      const member = members[number];
      if (member?.type === "file") await copyObject(member.object, out, objects, pause);
    }
  });
}

/**
 * Write one file as it was added.
 *
 * @param temporary where it is until it is whole
 */
export async function restoreFile(
  { mode, object }: FileMember,
  path: string,
  objects: ObjectStore,
  pause: Pause,
  temporary = temporaryPath(path),
): Promise<void> {
  const write = (out: OutputFile) => copyObject(object, out, objects, pause);
  await writeOutput(path, objects.files, write, Number.parseInt(mode, 8), temporary);
}

/**
 * Write a folder as it was added: files, modes, symbolic links.
 *
 * Links come last, and no path goes through one (reference.ts).
 */
export async function restoreFolder(
  members: readonly Member[],
  path: string,
  objects: ObjectStore,
  pause: Pause,
): Promise<void> {
  await writeFolder(path, async (temporary) => {
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
  });
}

async function copyObject(object: string, out: OutputFile, objects: ObjectStore, pause: Pause): Promise<void> {
  for (const piece of objects.open(object)) {
    out.write(piece);
    await pause();
  }
}
