// Two adds under one name at the same moment: one of the two stands, and the other is told.
import { expect, test } from "bun:test";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Adding } from "../../src/store/adding.ts";
import { breathe, Files } from "../../src/store/files.ts";
import { Store } from "../../src/store/store.ts";
import { foldErrorOf } from "../support/folds.ts";
import { leftovers, objectFiles } from "../support/stores.ts";
import { memoryFolder } from "../support/temporary.ts";

const folder = memoryFolder();
const mine = join(folder, "mine");
writeFileSync(mine, "mine");

test.each(["theirs", "mine"])(
  "the other adds %s right before the first gives its reference its name",
  async (content) => {
    const path = join(folder, content);
    writeFileSync(path, content);
    const { reference } = await new Store(join(folder, `source of ${content}`)).add(path, "name");
    const stateDir = join(folder, `state with ${content}`);
    const other = new Store(stateDir);
    let hasHad = false;
    const turn = (_: string, place: string) => {
      if (hasHad || !place.endsWith("reference.tmp") || !existsSync(place) || !isSealed(place)) return;
      hasHad = true;
      const adding = new Adding(other.objects);
      adding.put(new TextEncoder().encode(content));
      adding.publish(other.fileOf("name"), reference);
      adding.end();
    };
    const add = () => new Store(stateDir, new Files(turn)).add(mine, "name");
    if (content === "mine") expect((await add()).isNew).toBe(false);
    else expect((await foldErrorOf(add)).code).toBe("usage");
    expect(hasHad).toBe(true);
    const out = join(folder, `out of ${content}`);
    await other.find("name").restore(out, breathe);
    expect(readFileSync(out, "utf8")).toBe(content);
    expect(leftovers(other)).toEqual([]);
    expect(objectFiles(other).size).toBe(2);
  },
);

/** Whether a file is finished: read-only from then on. */
function isSealed(path: string): boolean {
  return (statSync(path).mode & 0o222) === 0;
}
