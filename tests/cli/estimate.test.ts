// What an estimate says of an archive, against the archive.
import { expect, test } from "bun:test";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { call, report, start } from "../support/binary.ts";
import { halfOfSample, sampleText } from "../support/sample.ts";
import { withFolder } from "../support/temporary.ts";

test.each([
  ["one sentence", "one two three.", "2"],
  ["some pages", halfOfSample, "2"],
  ["more pages", sampleText, "2"],
  ["three dimensions", sampleText, "3"],
])("%s: the size of the archive is told roughly", async (_, text, dims) => {
  await withFolder(async (folder) => {
    const path = join(folder, "text.txt");
    writeFileSync(path, text);
    const { stdout } = await call(["estimate", path, "--max-dims", dims, "--json"]);
    const { archive } = await report(["run", path, "--max-dims", dims, "--out", folder]);
    const ratio = JSON.parse(stdout).archive_bytes / statSync(archive as string).size;
    expect(ratio).toBeGreaterThan(0.67);
    expect(ratio).toBeLessThan(1.5);
  });
});

test("a signal ends it on the spot, in the middle of its sample", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "text.txt");
    writeFileSync(path, sampleText);
    const { child, ended } = start(["estimate", path, "--max-dims", "3", "--seconds", "15"]);
    // It says nothing while it samples. A signal that comes before it does so ends it, too.
    await Bun.sleep(1000);
    child.kill("SIGINT");
    expect(await ended).toMatchObject({ exit: 130, stdout: "", stderr: "" });
  });
});
