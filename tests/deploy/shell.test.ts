// What can be said of the scripts without running them.
import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { basename } from "node:path";
import { projectFile } from "../support/project.ts";

const scripts = [
  ...(await Array.fromAsync(new Bun.Glob("**/*.sh").scan(projectFile("scripts"))))
    .map((name) => `scripts/${name}`)
    .sort(),
  ".ci/run",
];
const shellcheck = Bun.which("shellcheck");
const analyze = Bun.which("systemd-analyze");

async function run(command: readonly string[]) {
  const child = Bun.spawn([...command], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { exit, said: stdout + stderr };
}

const needs = shellcheck === null ? ": SKIPPED, shellcheck is not installed" : "";
for (const script of scripts) {
  test.if(shellcheck !== null)(`shellcheck finds nothing in ${script}${needs}`, async () => {
    expect(await run([shellcheck as string, projectFile(script)])).toEqual({ exit: 0, said: "" });
  });
}

test.each(scripts)("%s can be run", async (script) => {
  expect(statSync(projectFile(script)).mode & 0o111).not.toBe(0);
  const first = (await Bun.file(projectFile(script)).text()).split("\n")[0];
  expect(["#!/bin/sh", "#!/usr/bin/env bash"]).toContain(first);
});

test.each(["install.sh", "spawn_workers.sh", "manage_pool.sh"])("%s --help", async (name) => {
  const { exit, said } = await run(["sh", projectFile(`scripts/${name}`), "--help"]);
  expect([exit, said.split("\n")[0]]).toEqual([0, expect.stringContaining(`usage: ${name}`)]);
});

const unit = projectFile("scripts/fold-worker.service");

test.if(analyze !== null)(`systemd understands ${basename(unit)}, and calls it safe`, async () => {
  const { said } = await run([analyze as string, "verify", unit]);
  // The program is not installed here; systemd says nothing else.
  expect(said.split("\n").filter((line) => line !== "" && !line.includes("/usr/local/bin/orthofold"))).toEqual([]);
  const security = await run([analyze as string, "security", "--offline=yes", "--threshold=20", unit]);
  expect(security.said).toMatch(/Overall exposure level for fold-worker.service: /);
  expect(security.exit).toBe(0);
});

test("a stopped worker gets the time to give its job back, and secrets come from a file", async () => {
  const text = await Bun.file(unit).text();
  const value = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(text)?.[1];
  expect([value("KillSignal"), value("KillMode"), value("Restart")]).toEqual(["SIGTERM", "mixed", "on-failure"]);
  expect(Number(value("TimeoutStopSec"))).toBeGreaterThanOrEqual(60);
  expect(value("EnvironmentFile")).toBe("/etc/orthofold/worker.env");
  expect(value("ExecStart")).toBe("/usr/local/bin/orthofold worker --mode continuous --stay");
  expect(value("MemoryDenyWriteExecute")).toBeUndefined();
});
