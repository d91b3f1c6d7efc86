// How long a file and a function may be.
import { isFunctionLikeDeclaration, type Node } from "typescript/unstable/ast";
import { at, lastLineOf, lineOf, nodesOf, type ProjectFile, type Rule } from "./project.ts";

const maxFunctionLines = 70;
const maxMedianFileLines = 120;
const maxUsualFileLines = 330;
const usualShare = 0.9;

// Functions that may be longer, as "file#function", each with its reason. An innermost loop that keeps its state in
// local variables may stand here; an entry that is no longer needed fails too.
export const longFunctions: Readonly<Record<string, string>> = {};

function lineCount(text: string): number {
  return text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
}

function nameOf(node: Node): string {
  for (const named of [node, node.parent]) {
    if ("name" in named && named.name !== undefined) return (named.name as Node).getText();
  }
  return "(anonymous)";
}

interface LongFunction {
  readonly key: string;
  readonly finding: string;
}

function longFunctionsOf(file: ProjectFile): LongFunction[] {
  const found: LongFunction[] = [];
  for (const node of nodesOf(file.tree)) {
    if (!isFunctionLikeDeclaration(node)) continue;
    const lines = lastLineOf(file, node) - lineOf(file, node) + 1;
    if (lines <= maxFunctionLines) continue;
    const name = nameOf(node);
    found.push({
      key: `${file.path}#${name}`,
      finding: `${at(file, node)} ${name} has ${lines} lines, more than ${maxFunctionLines}`,
    });
  }
  return found;
}

/** The rules about length, with the long functions that are let pass. */
export function sizeRules(allowed: Readonly<Record<string, string>>): readonly Rule[] {
  return [
    {
      name: `the median file is under ${maxMedianFileLines} lines, nine in ten under ${maxUsualFileLines}`,
      find: ({ files }) => {
        const lengths = files
          .map((file) => ({ path: file.path, lines: lineCount(file.text) }))
          .sort((a, b) => a.lines - b.lines);
        const limits = [
          { at: 0.5, max: maxMedianFileLines, what: "the median file" },
          { at: usualShare, max: maxUsualFileLines, what: "one file in ten" },
        ];
        return limits.flatMap(({ at: share, max, what }) => {
          const file = lengths[Math.ceil(lengths.length * share) - 1];
          if (file === undefined || file.lines < max) return [];
          const tooLong = lengths.filter(({ lines }) => lines >= max);
          return tooLong.map(({ path, lines }) => `${path}:${lines} ${lines} lines, and ${what} reaches ${max}`);
        });
      },
    },
    {
      name: `a function has at most ${maxFunctionLines} lines`,
      find: ({ files }) => {
        const long = files.filter((file) => !file.path.startsWith("tests/")).flatMap(longFunctionsOf);
        const findings = long.filter(({ key }) => !(key in allowed)).map(({ finding }) => finding);
        const unneeded = Object.keys(allowed).filter((key) => !long.some((one) => one.key === key));
        return [
          ...findings,
          ...unneeded.map((key) => `tests/tidy/sizes.ts:1 ${key} is not long: take it off the list`),
        ];
      },
    },
  ];
}
