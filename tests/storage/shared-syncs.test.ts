// Whoever waits for a folder on the disk may share that with others, but never a sync that was begun before.
import { expect, test } from "bun:test";
import { SharedSyncs } from "../../src/storage/local/shared-syncs.ts";

/** Syncs that end when the test says so. */
function planned() {
  const begun: { readonly folder: string; readonly end: PromiseWithResolvers<void> }[] = [];
  const syncs = new SharedSyncs((folder) => {
    const end = Promise.withResolvers<void>();
    begun.push({ folder, end });
    return end.promise;
  });
  return { begun, syncs };
}

/** Let everything go on that waits for nothing. */
const turn = () => Bun.sleep(0);

test("who asks while one is under way shares the next, begun when that is over", async () => {
  const { begun, syncs } = planned();
  const told: string[] = [];
  const see = (name: string) => syncs.see("archives").then(() => told.push(name));
  void see("first");
  await turn();
  void see("second");
  void see("third");
  await turn();
  expect(begun).toHaveLength(1);
  begun[0].end.resolve();
  await turn();
  expect([begun.length, told]).toEqual([2, ["first"]]);
  void see("fourth");
  begun[1].end.resolve();
  await turn();
  expect([begun.length, told]).toEqual([3, ["first", "second", "third"]]);
  begun[2].end.resolve();
  await turn();
  expect(told).toEqual(["first", "second", "third", "fourth"]);
});

test("folders do not wait for each other", async () => {
  const { begun, syncs } = planned();
  void syncs.see("a");
  void syncs.see("b");
  await turn();
  expect(begun.map(({ folder }) => folder)).toEqual(["a", "b"]);
});

test("one that fails is told to all who share it, and to nobody else", async () => {
  const { begun, syncs } = planned();
  const told: string[] = [];
  const see = (name: string) =>
    syncs.see("archives").then(
      () => told.push(`${name} done`),
      () => told.push(`${name} failed`),
    );
  void see("first");
  await turn();
  void see("second");
  void see("third");
  begun[0].end.resolve();
  await turn();
  void see("fourth");
  begun[1].end.reject(new Error("planted"));
  await turn();
  begun[2].end.resolve();
  await turn();
  expect(told).toEqual(["first done", "second failed", "third failed", "fourth done"]);
});
