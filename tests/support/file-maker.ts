// A process that makes one file over and over, beside its place: bun file-maker.ts PATH ROUNDS. With KILL for ROUNDS it
// ends in the middle, without tidying up. It ends with 1 when somebody has taken away what it was making.
import { renameSync, writeFileSync } from "node:fs";
import { withFolderBeside } from "../../src/cli/folder-beside.ts";

const [path, rounds] = Bun.argv.slice(2);
for (let round = 0; rounds === "KILL" || round < Number(rounds); round++) {
  await withFolderBeside(path, async (half) => {
    writeFileSync(`${half}.part`, path);
    if (rounds === "KILL") process.kill(process.pid, "SIGKILL");
    // Others look in this moment.
    await Bun.sleep(0);
    renameSync(`${half}.part`, half);
    renameSync(half, path);
  });
}
