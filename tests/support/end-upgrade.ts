// Changes a program as `fold upgrade` and its rollback do, and is killed before a step of it.
import { renameSync } from "node:fs";
import { join } from "node:path";
import { bringBack, identityOf, replaceProgram, withFolderBeside } from "../../src/cli/replace-program.ts";

const [path = "", other = "", last = "0"] = process.argv.slice(2);
let step = 0;
const before = () => {
  if (step++ === Number(last)) process.kill(process.pid, "SIGKILL");
};
await withFolderBeside(path, (folder) => {
  const was = identityOf(path);
  if (other === "") {
    bringBack(path, folder, was, before);
    return;
  }
  const program = join(folder, "program");
  renameSync(other, program);
  replaceProgram(path, program, folder, was, before);
});
