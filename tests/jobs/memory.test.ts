// Memory foreseen from the size of a text: what fits into a budget, and on how many threads.
import { describe, expect, spyOn, test } from "bun:test";
import { totalmem } from "node:os";
import { budgetOf, memoryOfMachine, mostBytes, need_bytes, planMemory, threadsThatFit } from "../../src/jobs/memory.ts";

const budgets_mb = [141, 150, 170, 500, 1_000, 3_000, 24_000];

test("what is foreseen: a fixed part, the index, and each thread", () => {
  expect(need_bytes(0, 1)).toBe(140e6);
  expect(need_bytes(1e6, 1)).toBe(260e6);
  expect(need_bytes(1e6, 4)).toBe(650e6);
  expect(need_bytes(4e6, 2)).toBe(660e6);
});

describe.each(budgets_mb)("a budget of %i MB", (budget_mb) => {
  const budget_bytes = budget_mb * 1e6;
  const { text, merge } = mostBytes(budget_bytes);

  test("the largest text fits on one thread, and no larger one", () => {
    expect(need_bytes(text, 1)).toBeLessThanOrEqual(budget_bytes);
    expect(need_bytes(text + 2, 1)).toBeGreaterThan(budget_bytes);
  });

  test("the sentences of a merge count twice", () => {
    expect([2 * merge, 2 * merge + 1]).toContain(text);
    const plan = planMemory({ kind: "merge", size_bytes: merge }, 8, budget_bytes);
    expect(plan).toEqual(planMemory({ kind: "text", size_bytes: 2 * merge }, 8, budget_bytes));
  });

  test("as many threads as fit, and one more does not", () => {
    const size_bytes = Math.floor(text / 3);
    const { threads, need_bytes: foreseen } = planMemory({ kind: "text", size_bytes }, 8, budget_bytes);
    expect(foreseen).toBe(need_bytes(size_bytes, threads));
    expect(foreseen).toBeLessThanOrEqual(budget_bytes);
    if (threads < 8) expect(need_bytes(size_bytes, threads + 1)).toBeGreaterThan(budget_bytes);
  });
});

test("into less than what is always there nothing fits, not even an empty text", () => {
  for (const budget_bytes of [0, 100e6, 139e6]) expect(mostBytes(budget_bytes)).toEqual({ text: -1, merge: -1 });
  expect(mostBytes(140e6)).toEqual({ text: 0, merge: 0 });
});

test("one thread is the least, whatever fits", () => {
  expect(threadsThatFit(1e9, 4, 1e6)).toBe(1);
  expect(threadsThatFit(1, 4, 1e12)).toBe(4);
});

test("a worker takes three quarters of what is there", () => {
  expect(budgetOf(1_000)).toBe(750);
});

test("a container's limit counts where it is less than the machine has", () => {
  const limit = spyOn(process, "constrainedMemory");
  try {
    limit.mockReturnValue(1e6);
    expect(memoryOfMachine()).toBe(1e6);
    for (const none of [0, Number.MAX_SAFE_INTEGER]) {
      limit.mockReturnValue(none);
      expect(memoryOfMachine()).toBe(totalmem());
    }
  } finally {
    limit.mockRestore();
  }
});
