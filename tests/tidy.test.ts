// The rules of style that a program can check. Each is tried twice: on this project, where it must find nothing, and
// on a planted one that breaks it (tidy/planted.ts), where it must find just that.
import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { temporaryFolder } from "./support/temporary.ts";
import { importRules } from "./tidy/imports.ts";
import { nameRules } from "./tidy/names.ts";
import { allowedLong, expected, plant } from "./tidy/planted.ts";
import { loadProject, type Rule } from "./tidy/project.ts";
import { longFunctions, sizeRules } from "./tidy/sizes.ts";
import { surroundingRules } from "./tidy/surroundings.ts";

function rulesWith(allowed: Readonly<Record<string, string>>): readonly Rule[] {
  return [...importRules, ...surroundingRules, ...sizeRules(allowed), ...nameRules];
}

const project = await loadProject(resolve(import.meta.dir, ".."));

const folder = temporaryFolder();
plant(folder);
const planted = await loadProject(folder);

test.each(rulesWith(longFunctions).map((rule) => [rule.name, rule] as const))("%s", (_, rule) => {
  const findings = rule.find(project);
  if (findings.length > 0) throw new Error(`${rule.name}:\n  ${findings.join("\n  ")}`);
});

test.each(Object.entries(expected))("a planted violation is found: %s", (name, places) => {
  const rule = rulesWith(allowedLong).find((candidate) => candidate.name.includes(name));
  const findings = rule?.find(planted) ?? [];
  expect(findings.map((finding, i) => finding.slice(0, places[i]?.length))).toEqual([...places]);
});

test("a planted violation is found: too many long files", () => {
  const template = planted.files[0]!;
  const filesOf = (...lines: number[]) => lines.map((count) => ({ ...template, text: "\n".repeat(count) }));
  const rule = sizeRules({}).find(({ name }) => name.startsWith("the median"))!;
  const count = (...lines: number[]) => rule.find({ ...planted, files: filesOf(...lines) }).length;
  expect(count(1, 1, 1, 1, 1, 1, 1, 1, 1, 999)).toBe(0);
  expect(count(1, 1, 1, 1, 1, 1, 1, 1, 330, 999)).toBe(2);
  expect(count(1, 120, 120)).toBe(2);
});

test("every rule has a planted violation", () => {
  const names = rulesWith({}).map(({ name }) => name);
  const tried = [...Object.keys(expected), "the median"];
  expect(names.filter((name) => !tried.some((piece) => name.includes(piece)))).toEqual([]);
});
