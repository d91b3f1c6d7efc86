import { decodeManifest, MANIFEST, type Manifest, sha256 } from "../archive/manifest.ts";
import { MAX_MEMBER_BYTES } from "../archive/source.ts";
import { compressBound, decompressFrame } from "../archive/zstd.ts";
import { FoldError } from "../errors.ts";
import type { Pause } from "./files.ts";
import type { ObjectStore } from "./object-store.ts";
import { packArchive } from "./pack.ts";
import { type FileMember, type Reference, restoredSize } from "./reference.ts";
import { checkSize, restoreArchive, restoreFile, restoreFolder } from "./restore.ts";
import type { StoredArchive } from "./stored-archive.ts";
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

  async tarSha256(): Promise<string> {
    const { kind, frame } = this.reference;
    if (frame !== null) return frame.tar_sha256;
    if (kind === "file") return await this.asWhole().tarSha256();
    throw new FoldError("failed", `${this.name} is kept as a folder and has no tar`, "get it as a tar.zst file first");
  }

  async describe(): Promise<Manifest> {
    if (this.reference.kind === "file") return this.asWhole().describe();
    return decodeManifest(await this.readMember(MANIFEST), this.place);
  }

  async readMember(path: string): Promise<Uint8Array> {
    if (this.reference.kind === "file") return this.asWhole().readMember(path);
    const member = this.reference.members.find((candidate) => candidate.path === path);
    if (member?.type !== "file") {
      throw new FoldError("not_found", `${this.name} holds no file ${path}`, "it may be no archive of fold");
    }
    if (member.size > MAX_MEMBER_BYTES) throw this.damaged(path, `claims ${member.size} bytes`);
    if (member.stored > compressBound(member.size))
      throw this.damaged(path, `claims ${member.stored} bytes in its frame`);
    checkSize(this.objects, member.object, member.stored);
    const stored = this.objects.get(member.object);
    const bytes = this.reference.frame === null ? stored : decompressFrame(stored, member.size, path);
    if (sha256(bytes) !== member.sha256) throw this.damaged(path, "is not what its reference says");
    return await Promise.resolve(bytes);
  }

  async writeWhole(path: string, pause: Pause): Promise<void> {
    if (this.reference.kind === "folder") {
      const manifest = await this.describe();
      await packArchive(path, manifest, (member) => this.readMember(member), this.objects.files, pause);
    } else {
      await this.restore(path, pause);
    }
  }

  async restore(path: string, pause: Pause): Promise<void> {
    const { kind, members, frame } = this.reference;
    if (frame !== null) await restoreArchive(this.reference, frame, path, this.objects, pause);
    else if (kind === "file") await restoreFile(members[0] as FileMember, path, this.objects, pause);
    else await restoreFolder(this.reference, path, this.objects, pause);
  }

  /** A file that was stored as it is may be a tar.zst that somebody has compressed again. */
  private asWhole(): WholeArchive {
    const { object } = this.reference.members[0] as FileMember;
    // Out of the trash, should it be there.
    this.objects.size(object);
    return new WholeArchive(this.name, this.objects.path(object), this.objects.files);
  }

  private damaged(path: string, problem: string): FoldError {
    return new FoldError("corrupt", `${path} of ${this.name} ${problem}`, "get another copy, or fold the text again");
  }
}
