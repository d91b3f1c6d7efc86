// The build: an executable must not tell where it was built, and no folder may stop it from being built.
import { expect, test } from "bun:test";
import { holdsPath } from "../scripts/compile.ts";

const held: [text: string, path: string, isHeld: boolean][] = [
  ['"/home/ada/fold/src/main.ts"', "/home/ada/fold", true],
  ["file:///home/ada/fold/src/main.ts", "/home/ada", true],
  ["/home/ada", "/home/ada", true],
  ["/home/adam/fold/src/main.ts", "/home/ada", false],
  // Bun's own names for files inside an executable.
  ["/$bunfs/root/main-abc.js", "/root/main", false],
  ["/$bunfs/root/jobs/walk-worker.js", "/root/jobs", false],
  ["/$bunfs/root/jobs/a.js and /root/jobs/a.ts", "/root/jobs", true],
];

test.each(held)("%s tells of %s: %p", (text, path, isHeld) => {
  expect(holdsPath(Buffer.from(text), path)).toBe(isHeld);
});
