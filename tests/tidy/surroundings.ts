// What a file may touch of the world around it: environment, exit code, clock.
import { type Identifier, isIdentifier, isPropertyAccessExpression, SyntaxKind } from "typescript/unstable/ast";
import { importsOf } from "./imports.ts";
import { at, nodesOf, type ProjectFile, type Rule } from "./project.ts";

const readsEnvironment = "src/config.ts";
const exits = "src/main.ts";
const exitNames = ["exit", "exitCode", "reallyExit", "abort"];
const impureNames = [
  ...["Date", "performance", "process", "console", "fetch", "Worker", "postMessage"],
  ...["setTimeout", "setInterval", "setImmediate"],
];
const pureBunNames = ["CryptoHasher", "hash"];

interface Use {
  readonly node: Identifier;
  /** The member that is read, "env" in process.env; undefined where the name stands alone. */
  readonly member: string | undefined;
}

/** The places where a global name is used, as opposed to being the name of a member. */
function usesOf(file: ProjectFile, names: readonly string[]): Use[] {
  const uses: Use[] = [];
  for (const node of nodesOf(file.tree)) {
    if (!isIdentifier(node) || !names.includes(node.text)) continue;
    const parent = node.parent;
    if (isPropertyAccessExpression(parent) && parent.expression === node) {
      uses.push({ node, member: parent.name.text });
    } else if (isPropertyAccessExpression(parent)) {
      if (parent.expression.getText() === "globalThis") uses.push({ node, member: undefined });
    } else if (!("name" in parent && parent.name === node) && parent.kind !== SyntaxKind.TypeOfExpression) {
      uses.push({ node, member: undefined });
    }
  }
  return uses;
}

function sourcesBut(files: readonly ProjectFile[], exception: string): ProjectFile[] {
  return files.filter((file) => file.path.startsWith("src/") && file.path !== exception);
}

function environmentReaders(file: ProjectFile): string[] {
  const imported = importsOf(file)
    .filter(({ from }) => from === "process" || from === "node:process")
    .map(({ node }) => `${at(file, node)} use the global process, which this rule can see`);
  const used = usesOf(file, ["process", "Bun"]).flatMap(({ node, member }) => {
    if (member === undefined) return [`${at(file, node)} write ${node.text}.member out, so that this rule can see it`];
    return member === "env" ? [`${at(file, node)} ${node.text}.env is read outside of config.ts`] : [];
  });
  const meta = [...nodesOf(file.tree)]
    .filter((node) => isPropertyAccessExpression(node) && node.getText() === "import.meta.env")
    .map((node) => `${at(file, node)} import.meta.env is read outside of config.ts`);
  return [...imported, ...used, ...meta];
}

function impurities(file: ProjectFile): string[] {
  const names = usesOf(file, impureNames).map(({ node }) => `${at(file, node)} core is pure: no ${node.text}`);
  const members = usesOf(file, ["Bun", "Math"]).flatMap(({ node, member }) => {
    const isImpure = node.text === "Math" ? member === "random" : !pureBunNames.includes(member ?? "");
    return isImpure ? [`${at(file, node)} core is pure: no ${node.text}.${member ?? "*"}`] : [];
  });
  return [...names, ...members];
}

export const surroundingRules: readonly Rule[] = [
  {
    name: "config.ts is the only reader of the environment",
    find: ({ files }) => sourcesBut(files, readsEnvironment).flatMap(environmentReaders),
  },
  {
    name: "main.ts is the only place that exits",
    find: ({ files }) =>
      sourcesBut(files, exits).flatMap((file) =>
        usesOf(file, ["process"])
          .filter(({ member }) => exitNames.includes(member ?? ""))
          .map(({ node, member }) => `${at(file, node)} process.${member} outside of main.ts`),
      ),
  },
  {
    name: "core is pure: no clock, no disk, no network, no environment",
    find: ({ files }) => files.filter((file) => file.path.startsWith("src/core/")).flatMap(impurities),
  },
];
