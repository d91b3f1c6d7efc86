// A state directory as a place for the conformance suite.
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { StorageConfig } from "../../src/storage/create-storage.ts";
import type { Clock } from "../../src/storage/local/clock.ts";
import { LocalStorage } from "../../src/storage/local/local-storage.ts";
import { newFolder } from "../support/temporary.ts";
import { GRACE_MS, type Place } from "./place.ts";

/** A clock that can be turned on. */
export class TestClock implements Clock {
  wall_offset_ms = 0;
  monotonic_offset_ms = 0;

  wall_ms(): number {
    return Date.now() + this.wall_offset_ms;
  }

  monotonic_ms(): number {
    return performance.now() + this.monotonic_offset_ms;
  }

  pass(time_ms: number): void {
    this.wall_offset_ms += time_ms;
    this.monotonic_offset_ms += time_ms;
  }
}

/** A state directory, its parts by name. */
export class LocalPlace implements Place {
  readonly many = 5_000;
  readonly scratch: string;
  readonly folder: string;
  readonly clock = new TestClock();

  /**
   * @param below where its folder is made; left out: where temporary files go
   * @param whole_below_bytes archives from this size on are taken apart into objects: here all of them
   */
  constructor(
    below?: string,
    private readonly whole_below_bytes = 0,
  ) {
    const parent = newFolder(below);
    this.scratch = join(parent, "scratch");
    this.folder = join(parent, "state");
    mkdirSync(this.scratch);
    mkdirSync(join(this.folder, "input"), { recursive: true });
  }

  get address(): string {
    const { folder: stateDir, whole_below_bytes } = this;
    const config: StorageConfig = { backend: "local", stateDir, grace_ms: GRACE_MS, whole_below_bytes };
    return JSON.stringify(config);
  }

  open(): LocalStorage {
    const { folder, clock, whole_below_bytes } = this;
    return new LocalStorage({ folder, grace_ms: GRACE_MS, whole_below_bytes, clock });
  }

  putText(name: string, text: string): Promise<void> {
    const path = join(this.folder, "input", `${name}.txt`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return Promise.resolve();
  }

  async putCopies(names: readonly string[], text: string): Promise<void> {
    for (const name of names) await this.putText(name, text);
  }

  canHold(name: string): boolean {
    return name.split("/").every((part) => part !== "" && !part.startsWith(".") && Buffer.byteLength(part) <= 251);
  }

  pass(time_ms: number): void {
    this.clock.pass(time_ms);
  }

  /**
   * Folders of jobs, halves of files, and reasons without their texts; empty folders are no harm, nor is what a process
   * that goes on keeps for its next job.
   */
  leftovers(): Promise<string[]> {
    const jobs = this.filesIn("in_process").filter(
      (path) => !/^in_process\/spare-[a-z0-9-]+(\/job\.json)?$/.test(path),
    );
    const halves = ["archives", "failed", "input"].flatMap((part) => this.filesIn(part)).filter(isHalf);
    const orphans = this.filesIn("failed").filter((path) => {
      const isReason = path.endsWith(".error.json") && !/(^|\/)merge-[0-9a-f]+\.error\.json$/.test(path);
      return isReason && !existsSync(join(this.folder, path.slice(0, -".error.json".length)));
    });
    return Promise.resolve([...jobs, ...halves, ...orphans]);
  }

  damage(name: string): Promise<void> {
    const places = [".json", ".tar.zst"].map((ending) => join(this.folder, "archives", `${name}${ending}`));
    const place = places.find((path) => existsSync(path)) ?? places[0];
    chmodSync(place, 0o644);
    writeFileSync(place, "no archive");
    return Promise.resolve();
  }

  /** All files and folders below a part of the state directory, as paths below the state directory. */
  filesIn(part: string): string[] {
    const folder = join(this.folder, part);
    if (!existsSync(folder)) return [];
    return readdirSync(folder, { recursive: true, encoding: "utf8" })
      .map((path) => `${part}/${path}`)
      .filter((path) => part === "in_process" || statSync(join(this.folder, path)).isFile())
      .sort();
  }

  remove(): Promise<void> {
    rmSync(dirname(this.folder), { recursive: true, force: true });
    return Promise.resolve();
  }
}

function isHalf(path: string): boolean {
  return path.endsWith(".tmp");
}
