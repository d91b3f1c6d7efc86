// Jobs of a state directory that were put aside: where their texts go, and which comes back first.
import { afterAll, expect, test } from "bun:test";
import { utimesSync } from "node:fs";
import { join } from "node:path";
import type { Storage } from "../../src/storage/port.ts";
import { quickParent } from "../support/temporary.ts";
import { LocalPlace } from "./local-place.ts";
import { claim, failure, finish, idOf } from "./place.ts";

const places: LocalPlace[] = [];
afterAll(async () => {
  for (const place of places) await place.remove();
});

function newPlace(): LocalPlace {
  const place = new LocalPlace(quickParent);
  places.push(place);
  return place;
}

/** Put a text in and put its job aside. */
async function putAside(place: LocalPlace, storage: Storage, name: string, text = "one two three.\n"): Promise<void> {
  await place.putText(name, text);
  await storage.failJob(await claim(storage), { ...failure, isFinal: true });
}

/** Fold the text that waits; what it says. */
async function foldNext(storage: Storage): Promise<string> {
  const attempt = await claim(storage);
  const text = new TextDecoder().decode(await storage.readText(attempt));
  await finish(storage, attempt);
  return text;
}

test("of texts of one name the one that was put aside first is retried first, whatever place it has", async () => {
  const place = newPlace();
  const storage = place.open();
  const sincePast = (file: string, since_s: number) =>
    utimesSync(join(place.folder, "failed", `${file}.error.json`), since_s, since_s);
  await putAside(place, storage, "book", "first words.\n");
  const id = await idOf(storage, "book");
  sincePast("book.txt", 1_000);
  await putAside(place, storage, "book", "second words.\n");
  sincePast("2-book.txt", 2_000);
  await storage.retryJob(id);
  expect(await foldNext(storage)).toBe("first words.\n");
  // It gets the first place again.
  await putAside(place, storage, "book", "third words.\n");
  for (const text of ["second words.\n", "third words.\n"]) {
    await storage.retryJob(id);
    expect(await foldNext(storage)).toBe(text);
  }
});
