// The same text folded twice, into a whole file and into a reference: its name stands for one archive.
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { interceptChanges, move } from "../../src/storage/local/files.ts";
import { quickParent } from "../support/temporary.ts";
import { LocalPlace } from "./local-place.ts";
import { claim, finish, finishAll, GRACE_MS, handOver, publish, textsIn, writeTinyArchive } from "./place.ts";

const text = "one two three.\n";

/** What the backend makes of a finished archive, and the file that stands for it. */
const forms = [
  { name: "a reference", whole_below_bytes: 0, file: "book.json" },
  { name: "a whole file", whole_below_bytes: 1 << 30, file: "book.tar.zst" },
];

async function inPlace(whole_below_bytes: number, act: (place: LocalPlace) => Promise<void>): Promise<void> {
  const place = new LocalPlace(quickParent, whole_below_bytes);
  try {
    await act(place);
  } finally {
    await place.remove();
  }
}

/** The archives of a place, its whole files and references, as their paths in archives/. */
function standing({ folder }: LocalPlace): string[] {
  return readdirSync(join(folder, "archives")).sort();
}

/** Let an archive of the text stand in the form that is not the place's own. */
async function putOther(place: LocalPlace, file: string): Promise<void> {
  if (file === "book.json") {
    mkdirSync(join(place.folder, "archives"), { recursive: true });
    writeTinyArchive(join(place.folder, "archives/book.tar.zst"), "book", '"book"', text);
    return;
  }
  await inPlace(0, async (other) => {
    await publish(other, "book", text);
    for (const part of ["archives", "objects"]) move(join(other.folder, part), join(place.folder, part));
  });
}

/** Fold the text, ended at its Nth change; false when it makes fewer. */
async function foldUpTo(place: LocalPlace, number: number): Promise<boolean> {
  let changes = 0;
  const restore = interceptChanges(() => {
    if (++changes >= number) throw Object.assign(new Error("planted"), { code: "EIO" });
  });
  try {
    const storage = place.open();
    await finish(storage, await claim(storage));
  } catch (error) {
    if (changes < number) throw error;
  } finally {
    restore();
  }
  return changes >= number;
}

test.each(forms)(
  "$name takes the place of the other form, wherever the process ends",
  async ({ whole_below_bytes, file }) => {
    for (let number = 1, isEnded = true; isEnded; number++) {
      await inPlace(whole_below_bytes, async (place) => {
        await putOther(place, file);
        await place.putText("book", text);
        isEnded = await foldUpTo(place, number);
        place.pass(GRACE_MS + 1_000);
        const storage = place.open();
        await storage.reclaimStale();
        await finishAll(storage, false);
        expect({ number, standing: standing(place) }).toEqual({ number, standing: [file] });
        await publish(place, "other", "four five six.\n");
        await finishAll(storage);
        expect(await textsIn(storage)).toEqual(["book", "other"]);
        expect(await place.leftovers()).toEqual([]);
        if (!isEnded) expect(number).toBeGreaterThan(3);
      });
    }
  },
);

/** Publish the text over its other form; another has its turn right before that is taken away. */
async function completeWith(place: LocalPlace, turn: () => void): Promise<void> {
  await place.putText("book", text);
  const storage = place.open();
  const attempt = await claim(storage);
  await handOver(storage, attempt);
  let hasHad = false;
  const restore = interceptChanges((change) => {
    if (hasHad || !change.includes("replaced")) return;
    hasHad = true;
    turn();
  });
  try {
    await storage.completeJob(attempt);
  } finally {
    restore();
    expect(hasHad).toBe(true);
  }
}

test.each(forms)(
  "$name is published when a merge takes the other form meanwhile",
  async ({ whole_below_bytes, file }) => {
    await inPlace(whole_below_bytes, async (place) => {
      await putOther(place, file);
      const [other] = standing(place);
      await completeWith(place, () => move(join(place.folder, "archives", other), join(place.scratch, other)));
      expect([standing(place), readdirSync(place.scratch)]).toEqual([[file], [other]]);
      expect(await place.leftovers()).toEqual([]);
    });
  },
);

test("whoever has lost the job takes no other form away", async () => {
  await inPlace(0, async (place) => {
    await putOther(place, "book.json");
    const gone = join(place.scratch, "gone");
    await completeWith(place, () => {
      const [folder] = readdirSync(join(place.folder, "in_process"));
      move(join(place.folder, "in_process", folder), gone);
    });
    expect(standing(place)).toEqual(["book.tar.zst"]);
    expect(readdirSync(gone)).toContain("archive.ref.json");
  });
});

test("another text's archive in the other form stays, also beside one that is the same", async () => {
  await inPlace(0, async (place) => {
    await publish(place, "book", text);
    writeTinyArchive(join(place.folder, "archives/book.tar.zst"), "book", '"book"', "other words.\n");
    expect((await publish(place, "book", text)).name).toBe("book.2");
    expect(standing(place)).toEqual(["book.2.json", "book.json", "book.tar.zst"]);
  });
});
