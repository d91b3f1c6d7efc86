// A machine whose disk is full: its worker says so and ends, and the job is done by another one.
import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { report } from "../support/binary.ts";
import { Fleet } from "../support/fleet.ts";
import { samplePath } from "../support/sample.ts";
import { mountSmallDisk, unmount } from "../support/small-disk.ts";

/** Three dimensions make the sample's archive one of half a megabyte. */
const DEEP = ["--max-dims", "3"];
const DISK_KB = 400;

const fleet = await Fleet.make();
const small = fleet.diskOf("small");
const isMounted = mountSmallDisk(small, DISK_KB);
afterAll(async () => {
  if (isMounted) unmount(small);
  await fleet.remove();
});

test.skipIf(!isMounted)("a full disk puts no job aside (skipped where no small disk can be mounted)", async () => {
  const whole = await report(["run", samplePath, ...DEEP, "--out", join(fleet.folder, "whole")]);
  await fleet.must(["submit", samplePath, ...DEEP, "--quiet"]);
  const { exit, stderr } = await fleet.worker({ machine: "small" }).ended;
  expect(stderr).toContain("no space left on the device");
  expect(stderr).toContain("make room, then start the worker again");
  expect(exit).toBe(1);
  expect(await fleet.jobs()).toMatchObject([{ status: "pending", retry_count: 0 }]);
  const other = await fleet.worker({ machine: "large" }).ended;
  expect(other.exit).toBe(0);
  expect(await fleet.sql("select tar_sha256 from archives")).toEqual([{ tar_sha256: whole.tar_sha256 }]);
});
