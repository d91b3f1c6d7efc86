import { decodeManifest, MANIFEST, type Manifest, sha256 } from "../archive/manifest.ts";
import { decompressFrame } from "../archive/zstd.ts";
import { FoldError } from "../errors.ts";
import type { ObjectStore } from "./object-store.ts";
import { packArchive } from "./pack.ts";
import { type FileMember, type Reference, restoredSize } from "./reference.ts";
import { restoreArchive, restoreFile, restoreFolder } from "./restore.ts";
import { materialPath, type StoredArchive } from "./stored-archive.ts";
import { WholeArchive } from "./whole.ts";

/** An archive that is kept as objects and a reference to them. */
export class ReferencedArchive implements StoredArchive {
  readonly form = "objects";

  constructor(
    readonly name: string,
    readonly place: string,
    readonly reference: Reference,
    private readonly objects: ObjectStore,
  ) {}

  get size_bytes(): number {
    return restoredSize(this.reference);
  }

  async materialise(folder: string): Promise<string> {
    const path = materialPath(folder, this.name);
    const { frame } = this.reference;
    if (frame !== null) {
      restoreArchive(this.reference, frame, path, this.objects);
      return path;
    }
    const manifest = await this.describe();
    if (this.reference.kind === "file") restoreFile(this.onlyFile(), path, this.objects);
    else await packArchive(path, manifest, (member) => this.readMember(member), this.objects.files);
    return path;
  }

  async readMember(path: string): Promise<Uint8Array> {
    if (this.reference.kind === "file") return this.asWhole().readMember(path);
    const member = this.reference.members.find((candidate) => candidate.path === path);
    if (member?.type !== "file") {
      throw new FoldError("not_found", `${this.name} holds no file ${path}`, "it may be no archive of fold");
    }
    const stored = this.objects.get(member.object);
    const bytes = this.reference.frame === null ? stored : decompressFrame(stored, member.size, path);
    if (sha256(bytes) === member.sha256) return await Promise.resolve(bytes);
    const hint = "get another copy of the archive, or fold the text again";
    throw new FoldError("corrupt", `${path} of ${this.name} is not what its reference says`, hint);
  }

  async describe(): Promise<Manifest> {
    if (this.reference.kind === "file") return this.asWhole().describe();
    return decodeManifest(await this.readMember(MANIFEST), this.place);
  }

  async restore(path: string): Promise<void> {
    const { kind, members, frame } = this.reference;
    if (frame !== null) restoreArchive(this.reference, frame, path, this.objects);
    else if (kind === "file") restoreFile(this.onlyFile(), path, this.objects);
    else restoreFolder(members, path, this.objects);
    await Promise.resolve();
  }

  private onlyFile(): FileMember {
    return this.reference.members[0] as FileMember;
  }

  /** A file that was stored as it is may be a tar.zst that somebody has compressed again. */
  private asWhole(): WholeArchive {
    const { object } = this.onlyFile();
    this.objects.size(object);
    return new WholeArchive(this.name, this.objects.path(object), this.objects.files);
  }
}
