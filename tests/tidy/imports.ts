// Who may import whom.
import { posix } from "node:path";
import {
  isCallExpression,
  isExportDeclaration,
  isImportDeclaration,
  isImportTypeNode,
  isLiteralTypeNode,
  isStringLiteral,
  type Node,
  SyntaxKind,
} from "typescript/unstable/ast";
import { at, nodesOf, type ProjectFile, type Rule } from "./project.ts";

// From the top to the bottom: a room imports from those below it.
const rooms = [
  ...["main", "cli", "server", "migrate", "jobs", "files", "storage", "store", "archive"],
  ...["core", "db", "s3", "threads", "disk", "config", "version", "errors"],
];
// The core is pure arithmetic; hashing is the one thing it takes from outside.
const coreMayImport = ["node:crypto"];
const coreMayUse = ["core", "errors"];

interface Import {
  readonly node: Node;
  readonly from: string;
}

/** Every module a file names: imports, re-exports, lazy imports, types and require. */
export function importsOf(file: ProjectFile): Import[] {
  const found: Import[] = [];
  for (const node of nodesOf(file.tree)) {
    const specifier = specifierOf(node);
    if (specifier !== undefined && isStringLiteral(specifier)) found.push({ node: specifier, from: specifier.text });
  }
  return found;
}

function specifierOf(node: Node): Node | undefined {
  if (isImportDeclaration(node) || isExportDeclaration(node)) return node.moduleSpecifier;
  if (isImportTypeNode(node) && isLiteralTypeNode(node.argument)) return node.argument.literal;
  if (!isCallExpression(node)) return undefined;
  const callee = node.expression;
  const isLoad = callee.kind === SyntaxKind.ImportKeyword || callee.getText() === "require";
  return isLoad ? node.arguments[0] : undefined;
}

/** "src/core/walk.ts" is in the room core, "src/errors.ts" is a room of its own. */
function roomOf(path: string): string {
  return path.split("/")[1]!.replace(/\.d\.ts$|\.ts$/, "");
}

function backendOf(path: string): string | undefined {
  return /^src\/storage\/([^/]+)\//.exec(path)?.[1];
}

/** What is wrong with an import; undefined when nothing is. */
function objection(path: string, from: string): string | undefined {
  const room = roomOf(path);
  if (!from.startsWith(".")) {
    const isFree = room !== "core" || coreMayImport.includes(from);
    return isFree ? undefined : `core imports no package, not even ${from}`;
  }
  const target = posix.join(posix.dirname(path), from);
  if (target === "package.json") return undefined;
  if (!target.startsWith("src/")) return `${from} is outside of src`;
  const targetRoom = roomOf(target);
  if (!rooms.includes(targetRoom)) return `${targetRoom} is no room of src`;
  if (room === "core" && !coreMayUse.includes(targetRoom))
    return `core imports only core and errors, not ${targetRoom}`;
  if (rooms.indexOf(targetRoom) < rooms.indexOf(room)) return `${room} imports up, from ${targetRoom}`;
  const [own, other] = [backendOf(path), backendOf(target)];
  if (own !== undefined && other !== undefined && own !== other) return `backend ${own} knows of backend ${other}`;
  return undefined;
}

export const importRules: readonly Rule[] = [
  {
    name: "imports go down the list of rooms, never up",
    find: ({ files }) =>
      files
        .filter((file) => file.path.startsWith("src/"))
        .flatMap((file) => {
          if (!rooms.includes(roomOf(file.path))) return [`${file.path}:1 ${roomOf(file.path)} is no room of src`];
          return importsOf(file).flatMap(({ node, from }) => {
            const problem = objection(file.path, from);
            return problem === undefined ? [] : [`${at(file, node)} ${problem}`];
          });
        }),
  },
  {
    name: "an index.ts only re-exports",
    find: ({ files }) =>
      files
        .filter((file) => /^src\/.*\/index\.ts$/.test(file.path))
        .flatMap((file) =>
          file.tree.statements
            .filter((statement) => !(isExportDeclaration(statement) && statement.moduleSpecifier !== undefined))
            .map((statement) => `${at(file, statement)} an index.ts only re-exports`),
        ),
  },
];
