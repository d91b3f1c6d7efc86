// What is done to a store while a garbage collection goes on.
import { renameSync } from "node:fs";
import { Adding } from "../../../src/store/adding.ts";
import { readReference, sealReference } from "../../../src/store/reference.ts";
import type { Store } from "../../../src/store/store.ts";
import type { Steps } from "./stepper.ts";

/** What is to be done. */
export interface Task {
  readonly steps: Steps;
  readonly stateDir: string;
  readonly act: "add" | "give back" | "take" | "give back and take";
  /** Of an add: the contents of its files. */
  readonly contents: readonly string[];
  /** Where the reference stands among the archives, and in the folder of a job. */
  readonly archive: string;
  readonly taken: string;
}

function add(store: Store, { contents, archive }: Task): void {
  const adding = new Adding(store.objects);
  try {
    const members = contents.map((content, number) => {
      const { object, size } = adding.put(new TextEncoder().encode(content));
      const path = `file-${number}`;
      return { type: "file", path, mode: "0644", size, sha256: object, object, stored: size } as const;
    });
    const reference = { fold_archive: 1, name: "added", kind: "folder", members, frame: null } as const;
    adding.publish(archive, sealReference(reference));
  } finally {
    adding.end();
  }
}

function giveBack(store: Store, { archive, taken }: Task): void {
  const adding = new Adding(store.objects);
  try {
    adding.whileKept(readReference(taken), () => store.objects.files.rename(taken, archive));
  } finally {
    adding.end();
  }
}

/** Do it, `beforeTake` being called before a plain rename. */
export function act(store: Store, task: Task, beforeTake: () => void = () => {}): void {
  if (task.act === "add") add(store, task);
  if (task.act.startsWith("give back")) giveBack(store, task);
  if (!task.act.endsWith("take")) return;
  beforeTake();
  renameSync(task.archive, task.taken);
}
