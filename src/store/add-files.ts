import { closeSync, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, type Stats } from "node:fs";
import { basename, join } from "node:path";
import { FoldError, fromSystemError } from "../errors.ts";
import type { Adding } from "./adding.ts";
import { type Pause, piecesOf } from "./files.ts";
import { type Member, problemOfPaths, REFERENCE_VERSION, type Reference, sealReference } from "./reference.ts";

/** Store one file as it is. */
export async function addFile(path: string, name: string, adding: Adding, pause: Pause): Promise<Reference> {
  const member = await fileMember(path, basename(path), adding, pause);
  refuseOddPaths([member], path, "rename it");
  return sealReference({ fold_archive: REFERENCE_VERSION, name, kind: "file", members: [member], frame: null });
}

/** Store a folder: its files, folders and symbolic links, in the order of their paths. */
export async function addFolder(
  path: string,
  stat: Stats,
  name: string,
  adding: Adding,
  pause: Pause,
): Promise<Reference> {
  const members: Member[] = [];
  for await (const member of membersBelow(path, "", adding, pause)) members.push(member);
  refuseOddPaths(members, path, "take it out of the folder, or replace it");
  const version = { fold_archive: REFERENCE_VERSION, name, kind: "folder" } as const;
  return sealReference({ ...version, members, frame: null, mode: modeOf(stat) });
}

/** What no reader would take from a reference is not put into one: nobody could read it, nor collect garbage beside it. */
function refuseOddPaths(members: readonly Member[], path: string, hint: string): void {
  const problem = problemOfPaths(members);
  if (problem !== null) throw new FoldError("usage", `${path} cannot be added: ${problem}`, hint);
}

/** All that is below a folder, by paths with slashes; a folder before what is in it. */
async function* membersBelow(folder: string, inside: string, adding: Adding, pause: Pause): AsyncGenerator<Member> {
  let names: Buffer[];
  try {
    names = readdirSync(join(folder, inside), { encoding: "buffer" });
  } catch (error) {
    throw fromSystemError(error, "list the folder", join(folder, inside));
  }
  const hint = "give it a name in UTF-8, or take it out of the folder";
  const texts = names.map((name) => textOf(name, `in ${join(folder, inside)}, the name`, hint));
  for (const name of texts.sort()) {
    const path = inside === "" ? name : `${inside}/${name}`;
    const member = await memberAt(join(folder, path), path, adding, pause);
    yield member;
    if (member.type === "folder") yield* membersBelow(folder, path, adding, pause);
  }
}

async function memberAt(place: string, path: string, adding: Adding, pause: Pause): Promise<Member> {
  let stat: Stats;
  try {
    stat = lstatSync(place);
    if (stat.isSymbolicLink()) {
      const target = readlinkSync(place, { encoding: "buffer" });
      const hint = "make it lead to a name in UTF-8, or take it out of the folder";
      return { type: "link", path, target: textOf(target, `the target of the symbolic link ${place},`, hint) };
    }
  } catch (error) {
    throw fromSystemError(error, "read the file", place);
  }
  if (stat.isDirectory()) return { type: "folder", path, mode: modeOf(stat) };
  if (stat.isFile()) return await fileMember(place, path, adding, pause);
  const hint = "only files, folders and symbolic links can be added; take it out of the folder";
  throw new FoldError("usage", `${place} is a device, a pipe or a socket`, hint);
}

/**
 * A name as the disk has it, as text: a reference is JSON and holds nothing else.
 *
 * @param what said of the name in errors
 * @throws FoldError `usage` for a name that would come back as another one
 */
function textOf(name: Buffer, what: string, hint: string): string {
  const text = name.toString("utf8");
  if (name.equals(Buffer.from(text))) return text;
  const shown = name
    .toString("latin1")
    .replace(/[^ -~]/g, (byte) => `\\x${Buffer.from(byte, "latin1").toString("hex")}`);
  throw new FoldError("usage", `${what} ${shown} is no UTF-8 and cannot be kept`, hint);
}

async function fileMember(place: string, path: string, adding: Adding, pause: Pause): Promise<Member> {
  let file: number;
  try {
    file = openSync(place, "r");
  } catch (error) {
    throw fromSystemError(error, "read the file", place);
  }
  try {
    const mode = modeOf(fstatSync(file));
    const { object, size } = await adding.putStream(pausing(file, place, pause));
    return { type: "file", path, mode, size, sha256: object, object, stored: size };
  } finally {
    closeSync(file);
  }
}

async function* pausing(file: number, place: string, pause: Pause): AsyncGenerator<Uint8Array> {
  try {
    for (const piece of piecesOf(file, 0, Number.MAX_SAFE_INTEGER)) {
      yield piece;
      await pause();
    }
  } catch (error) {
    throw fromSystemError(error, "read the file", place);
  }
}

/** Permission bits; what lets a program run as somebody else, and the like, is not kept: a get gives that to nobody. */
function modeOf(stat: Stats): string {
  return (stat.mode & 0o777).toString(8).padStart(4, "0");
}
