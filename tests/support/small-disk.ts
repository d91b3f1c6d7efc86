// Small file systems, to run out of space on.
import { mkdirSync, statfsSync } from "node:fs";

/** Mounts a file system of so many kilobytes at a place, which is made where it is not there; false where that cannot be done. */
export function mountSmallDisk(place: string, size_kb: number): boolean {
  mkdirSync(place, { recursive: true });
  if (process.platform !== "linux" || !mount("-t", "tmpfs", "-o", `size=${size_kb}k`, "fold-test", place)) return false;
  if (hasSize(place, size_kb)) return true;
  unmount(place);
  return false;
}

/** Gives a small disk another size; false where that cannot be done. */
export function resizeDisk(place: string, size_kb: number): boolean {
  return mount("-o", `remount,size=${size_kb}k`, place) && hasSize(place, size_kb);
}

/** Unmounts a small disk, even one that is in use. */
export function unmount(place: string): void {
  Bun.spawnSync(["umount", "-l", place]);
}

function mount(...args: string[]): boolean {
  return Bun.which("mount") !== null && Bun.which("umount") !== null && Bun.spawnSync(["mount", ...args]).success;
}

/** Some kernels of containers mount, but at another size. */
function hasSize(place: string, size_kb: number): boolean {
  const { blocks, bsize } = statfsSync(place);
  return blocks * bsize === size_kb * 1024;
}
