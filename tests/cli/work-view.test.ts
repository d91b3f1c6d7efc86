// What the live view of a worker shows of two jobs: one that is folded, and one that is being handed over.
import { expect, test } from "bun:test";
import { Output } from "../../src/cli/output.ts";
import { WorkView } from "../../src/cli/work-view.ts";
import type { Config } from "../../src/config.ts";
import { FoldError } from "../../src/errors.ts";
import type { ArchiveEntry, Attempt, JobEntry } from "../../src/storage/port.ts";

const output = new Output({ mayColour: false, columns: 80 } as Config, "fold");
const facts = { program: "fold", worker: "me", place: "here", merges: false, isOneShot: false, budget_bytes: 1e9 };

function attemptOf(name: string): Attempt {
  return { id: name, kind: "text", name, number: 1 } as Attempt;
}

function viewOf(...claimed: readonly string[]): WorkView {
  const view = new WorkView(facts, output);
  for (const name of claimed) {
    view.take({ kind: "claimed", attempt: attemptOf(name), threads: 1, need_bytes: 0 }, null, 0);
  }
  // The others are as busy.
  view.setJobs(["a", "b", "c"].map((id) => ({ id, name: id, state: "running" }) as JobEntry));
  return view;
}

/** The line of a label. */
function line(view: WorkView, label: string): string {
  return view.frame(80, 30, 1_000).find((one) => one.startsWith(label)) ?? "";
}

test("the end of a hand-over leaves the job in view that is folded meanwhile", () => {
  const view = viewOf("a", "b");
  expect(line(view, "job ")).toContain("b  (1 thread)");
  const archive = { orthos: 7 } as ArchiveEntry;
  view.take({ kind: "done", attempt: attemptOf("a"), archive, elapsed_ms: 1 }, null, 1_000);
  expect(line(view, "job ")).toContain("b  (1 thread)");
  expect(line(view, "jobs")).toContain("1 done here (7 orthos)");
  view.take({ kind: "done", attempt: attemptOf("b"), archive, elapsed_ms: 1 }, null, 1_000);
  expect(line(view, "job ")).toContain("none");
  expect(line(view, "jobs")).toContain("2 done here (14 orthos)");
});

test("neither of a worker's own two jobs runs elsewhere", () => {
  const view = viewOf("a", "b");
  expect(line(view, "jobs")).toContain("1 running elsewhere");
  view.take({ kind: "lost", attempt: attemptOf("a") }, null, 1_000);
  expect(line(view, "jobs")).toContain("2 running elsewhere");
  const error = new FoldError("no_space", "", "");
  view.take({ kind: "unpublished", attempt: attemptOf("b"), error }, null, 1_000);
  expect(line(view, "jobs")).toContain("3 running elsewhere");
});
